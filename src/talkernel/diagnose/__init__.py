"""Whether everything is in place, and how fast it is."""
