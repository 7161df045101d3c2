"""Base class of declared and fitted values: frozen, keyword-only, no unknown keys."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

__all__ = ["Frozen"]


class Frozen(BaseModel):
    """Immutable value; a misspelt key is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    renamed: ClassVar[dict[str, str]] = {}
    """Old name of a key -> its new name, for the error that refuses the old one."""
