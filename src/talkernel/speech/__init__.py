"""Turns sound into speech features, and text into sound."""
