"""Altair charts: functions from arrays to a chart, or to a figure with a table of its numbers."""
