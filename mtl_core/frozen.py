"""Base class of declared and fitted values: frozen, keyword-only, no unknown keys."""

from functools import cache
from types import NoneType
from typing import Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from mtl_core.schema import plain_types


class Frozen(BaseModel):
    """Immutable value that refuses unknown keys, and booleans as numbers, which Python takes for 1 and 0."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    renamed: ClassVar[dict[str, str]] = {}
    """Old name of a key -> its new name, for the error that refuses the old one."""

    @model_validator(mode="before")
    @classmethod
    def _no_boolean_for_a_number(cls, values: Any) -> Any:
        # Not a validator of every field, since discriminators cannot have one.
        if not isinstance(values, dict):
            return values
        errors: list[InitErrorDetails] = []
        for name, value in values.items():
            if isinstance(value, bool) and (rule := _number_rule(cls, name)):
                message = f"must be {rule}, found {str(value).lower()}; write a number, or leave it out"
                errors.append({"type": "value_error", "loc": (name,), "input": value, "ctx": {"error": message}})
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return values


@cache
def _number_rule(model: type[BaseModel], name: str) -> str:
    """Required type of a field that takes only numbers and has no BeforeValidator; "" for any other name."""
    field = model.model_fields.get(name)
    if field is None or any(isinstance(rule, BeforeValidator) for rule in field.metadata):
        return ""
    types = plain_types(field.annotation) - {NoneType}
    if not types or not types <= {int, float}:
        return ""
    return "a number" if float in types else "a whole number"
