"""A task added to the champion: a head on its frozen trunk, while every other output stays the same to the bit."""
