"""The talking-face network in PyTorch, its config, weights and export."""
