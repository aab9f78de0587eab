"""The network, in PyTorch."""
