"""Stand-in for the package of another branch: arrival of new data. Replaced at the merge."""
