"""Many independent items on processes or a Ray cluster."""
