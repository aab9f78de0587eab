"""Ablation study: compares models that differ in one idea of the paper (Section VI-D)."""
