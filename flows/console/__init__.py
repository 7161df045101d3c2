"""Terminal output: progress on stderr, tables of results on stdout. Nothing here changes an artifact."""
