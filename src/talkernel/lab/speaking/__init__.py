"""Fits and measures how `--people speaking` finds out who speaks."""
