"""From raw videos to training tracks: `talkernel prepare`."""
