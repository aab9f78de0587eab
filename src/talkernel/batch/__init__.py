"""Makes many videos from a list: `talkernel batch`."""
