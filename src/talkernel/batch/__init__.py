"""Many videos in one go: `talkernel batch`."""
