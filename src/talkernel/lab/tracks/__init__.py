"""Prepared tracks on disk: one person talking in one shot, with landmarks, sound and face crops."""
