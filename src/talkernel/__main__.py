"""`python -m talkernel`, the same as `talkernel`."""

from talkernel.cli import main

main()
