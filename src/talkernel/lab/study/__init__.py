"""Perceptual studies: people compare systems' videos on a web page (section VI-E)."""
