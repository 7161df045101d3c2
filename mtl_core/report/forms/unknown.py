"""A form that nobody has drawn yet: its metrics stand in the tables, and there is no picture."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from mtl_core.report.forms.base import Balance, Figure, Form
from mtl_core.report.run import Scored

__all__ = ["Unknown"]


class Unknown(Form):
    """Whatever the labels and predictions are."""

    def trivial(self, one: NDArray[Any]) -> str:
        return "the best answer that looks at no feature"

    def balance(self, labels: Mapping[str, NDArray[Any]]) -> Balance:
        return Balance(head=(), rows=dict.fromkeys(labels, ()))

    def sentence(self, scored: Scored) -> str:
        return ""

    def figures(self, scored: Scored) -> tuple[Figure, ...]:
        return ()
