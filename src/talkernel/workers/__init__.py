"""Runs a function over many items, in processes or on a Ray cluster."""
