"""Structs whose fields have any names in JSON: a column, a task or a class may be called anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

# What JSON has to escape. msgspec writes and reads the name of a field as it stands.
_ESCAPED = re.compile(r'["\\\x00-\x1f]')


def make_struct(fields: Mapping[str, Any], *, strict: bool = False) -> type[msgspec.Struct] | None:
    """Define a struct with these JSON names and types; None where msgspec has no field for a name, as for `size in "`.

    strict: whether decoding refuses a field of another name.
    """
    if any(_ESCAPED.search(name) for name in fields):
        return None
    # An attribute may not be called anything: f0, f1, ... have the names in JSON only.
    named = [(f"f{place}", kind, msgspec.field(name=name)) for place, (name, kind) in enumerate(fields.items())]
    return msgspec.defstruct("Struct", named, forbid_unknown_fields=strict, gc=False)
