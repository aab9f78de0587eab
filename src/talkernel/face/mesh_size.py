"""Size of the face mesh, for those who have landmarks but not the network that finds them."""

LANDMARKS = 468
