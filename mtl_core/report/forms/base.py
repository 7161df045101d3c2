"""The contract of a form of prediction."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from numpy.typing import NDArray

from mtl_core.report.run import Scored

__all__ = ["Balance", "Figure", "Form"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A picture with the numbers that it was drawn from."""

    title: str
    caption: str
    svg: Markup
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Balance:
    """How a task's labels are spread: column heads, and a row of cells per split."""

    head: tuple[str, ...]
    rows: Mapping[str, tuple[str, ...]]
    unit: str = ""


class Form(ABC):
    """Parts of the report for one form of prediction. Labels and predictions are those of labelled rows only."""

    @abstractmethod
    def trivial(self, one: NDArray[Any]) -> str:
        """Words for the prediction of the baseline, () or (classes,), which is the same for every row."""

    @abstractmethod
    def balance(self, labels: Mapping[str, NDArray[Any]]) -> Balance:
        """Split -> (rows, ...) labels there."""

    @abstractmethod
    def sentence(self, scored: Scored) -> str:
        """What the test rows say about the use of the task; at least one row."""

    @abstractmethod
    def figures(self, scored: Scored) -> tuple[Figure, ...]:
        """The pictures; at least one row."""
