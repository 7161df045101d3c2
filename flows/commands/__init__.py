"""The commands of `mtl`, one module each, named like the command; each has a `command`.

A module imports nothing heavy at its top, so that `mtl --help` stays fast.
"""
