"""Names that several packages agree on."""

INTERNAL = "trunkline/"
"""Prefix of every internal value of the exported graph, so that no name of a column or task can collide with one."""
LABEL = "label:"
"""Begins the names of the indicator columns that validation measures label rates on; see `Problem.label_prefix`."""
