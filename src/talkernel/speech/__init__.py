"""Sound to speech features; voices."""
