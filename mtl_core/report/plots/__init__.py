"""Altair charts: each a function from arrays to a chart, or to a figure with the numbers that it shows."""
