"""Comparison of the shared network with single-task models, of the same rows, budget and seeds."""
