"""Studies of a problem's folder, one module per command: encoded rows, the run, its file, its section in the report."""
