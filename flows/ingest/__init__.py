"""Arrival of data: part files and late labels are checked, and change data/ and data.dvc in one step."""
