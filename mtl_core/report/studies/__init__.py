"""A section of the page per study, where there is one. Pure functions."""
