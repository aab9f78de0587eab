"""Voices that speak text."""
