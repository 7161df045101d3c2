"""What everything that `params.yaml` declares has in common: frozen, keyword-only, no unknown keys."""

from pydantic import BaseModel, ConfigDict

__all__ = ["Frozen"]


class Frozen(BaseModel):
    """Base of every declared or fitted value. Immutable; a misspelt key is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
