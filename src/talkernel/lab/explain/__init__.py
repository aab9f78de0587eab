"""What the dynamic kernels do: the paper's pictures of them, and its theorem (V, VI-B, VI-C)."""
