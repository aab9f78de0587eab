"""Prepared tracks: one person talking."""
