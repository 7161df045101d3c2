"""A declared problem as one frozen value."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from mtl_core.config.consistency import consistency_errors
from mtl_core.config.data import Data
from mtl_core.config.document import KEY, NAME
from mtl_core.config.export import Export
from mtl_core.config.gates import Gates
from mtl_core.config.model import Model
from mtl_core.config.split import Split
from mtl_core.config.training import Training
from mtl_core.config.tuning import TuningOptions
from mtl_core.features import AnyFeature
from mtl_core.frozen import Frozen
from mtl_core.names import LABEL
from mtl_core.tasks import AnyTask

__all__ = ["Problem"]

Name = Annotated[str, Field(pattern=KEY)]


class Problem(Frozen):
    """An entity, its columns, its tasks and their training."""

    name: Annotated[str, Field(pattern=NAME)]
    """Name of the model in the store: lowercase letters, digits, - and _."""
    data: Data
    split: Split
    features: Annotated[dict[Name, AnyFeature], Field(min_length=1)]
    tasks: Annotated[dict[Name, AnyTask], Field(min_length=1, max_length=1_000)]
    model: Model = Model()
    training: Training = Training()
    export: Export = Export()
    gates: Gates = Gates()
    tuning: TuningOptions | None = Field(default=None, exclude=True)
    """Options of `mtl tune`; excluded from every dump of a problem, since no result depends on them."""

    def column_of(self, feature: str) -> str:
        """The column that a feature reads."""
        return self.features[feature].column or feature

    @property
    def feature_columns(self) -> tuple[str, ...]:
        """Every column that some feature reads, once, in order: the inputs of the exported graph."""
        return tuple(dict.fromkeys(self.column_of(name) for name in self.features))

    @property
    def targets(self) -> tuple[str, ...]:
        """Every column that some task learns, once, in order."""
        return tuple(dict.fromkeys(target for task in self.tasks.values() for target in task.targets))

    @property
    def weight_columns(self) -> tuple[str, ...]:
        """Every column that weighs rows for some task, once, in order."""
        return tuple(dict.fromkeys(task.weight_column for task in self.tasks.values() if task.weight_column))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is declared: features, targets, weights of rows, split."""
        return tuple(dict.fromkeys((*self.feature_columns, *self.targets, *self.weight_columns, *self.split.columns)))

    @property
    def label_prefix(self) -> str:
        """Begins the names of the columns that validation measures label rates on, and of no column that is read."""
        prefix = LABEL
        while any(column.startswith(prefix) for column in self.columns):
            prefix += ":"
        return prefix

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if errors := list(consistency_errors(self)):
            raise ValueError("\n".join(errors))
        return self
