"""What each idea of the paper is worth: models trained alike but for it (Section VI-D)."""
