"""Wav2Lip's network, for pairs and for comparison; it comes without weights."""
