"""From parts on disk to batches: parts -> split -> encoder -> encoded arrays."""
