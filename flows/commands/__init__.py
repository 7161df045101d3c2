"""The commands of `mtl`: a module per command, with its name, that defines `command`.

Modules import nothing heavy at the top level, so that `mtl --help` is fast.
"""
