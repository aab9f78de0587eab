"""Training: lip basis, AudioNet, generator, and joining them into one model."""
