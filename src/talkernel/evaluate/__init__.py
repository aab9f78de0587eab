"""Measuring how well the mouth follows the sound."""
