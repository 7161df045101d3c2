"""Data: part files -> split -> encoder -> encoded arrays -> batches."""
