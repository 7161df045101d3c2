"""Structs whose fields have any names in JSON: a column, a task or a class may have any name."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

# What JSON has to escape. msgspec writes and reads the name of a field without escaping.
_ESCAPED = re.compile(r'["\\\x00-\x1f]')


def make_struct(fields: Mapping[str, Any], *, strict: bool = False) -> type[msgspec.Struct] | None:
    """Define a struct with these JSON names and types; None if msgspec has no field for a name, as for `size in "`.

    strict: decoding fails on a field of another name.
    """
    if any(_ESCAPED.search(name) for name in fields):
        return None
    # Not every name can be an attribute: f0, f1, ... have the names in JSON only.
    attributes = [(f"f{index}", kind, msgspec.field(name=name)) for index, (name, kind) in enumerate(fields.items())]
    return msgspec.defstruct("Struct", attributes, forbid_unknown_fields=strict, gc=False)
