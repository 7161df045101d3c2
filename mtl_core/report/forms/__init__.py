"""Forms of prediction, one file each: how the labels of such a task are spread, what its test says, and its pictures.

To add a form: write its file, and give it a line in `form_of`.
"""

from typing import Any

from mtl_core.report.forms.base import Figure, Form
from mtl_core.report.forms.classes import Classes
from mtl_core.report.forms.probability import Probability
from mtl_core.report.forms.quantity import Quantity
from mtl_core.report.forms.unknown import Unknown

__all__ = ["Figure", "Form", "form_of"]


def form_of(output: dict[str, Any]) -> Form:
    """The form of a task's entry in the signature; one without pictures where there is none for it."""
    match output:
        case {"form": "class_probabilities", "classes": classes}:
            return Classes(classes=tuple(classes))
        case {"form": "number", "unit": "probability"}:
            return Probability()
        case {"form": "number", "unit": unit}:
            return Quantity(unit=unit)
        case _:
            return Unknown()
