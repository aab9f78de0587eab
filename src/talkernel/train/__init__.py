"""Making the weights."""
