"""Wav2Lip: its network, for training pairs and for comparison. No weights are included."""
