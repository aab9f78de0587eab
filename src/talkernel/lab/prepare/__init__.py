"""Data preparation: raw videos to training tracks (`talkernel prepare`)."""
