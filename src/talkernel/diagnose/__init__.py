"""Checks the installation and measures its speed."""
