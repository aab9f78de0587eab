"""Explains the dynamic kernels: the paper's figures and its theorem (Sections V, VI-B, VI-C)."""
