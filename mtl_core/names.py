"""Names that several packages share."""

INTERNAL = "trunkline/"
"""Prefix of internal values of the exported graph; no column or task may have it."""
TOKENS = f"{INTERNAL}tokens/"
"""Prefix of the outputs of the exported graph that have the tokens of a column, beside the tasks' outputs."""
LABEL = "label:"
"""Prefix of the indicator columns, on which validation measures label rates; see `Problem.label_prefix`."""
