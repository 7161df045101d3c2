"""A declared problem as one frozen value."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from mtl_core.config.consistency import consistency_errors, name_errors
from mtl_core.config.data import Data
from mtl_core.config.document import FEATURE, KEY, NAME, PARAMS
from mtl_core.config.export import Export
from mtl_core.config.gates import Gates
from mtl_core.config.messages import list_errors
from mtl_core.config.model import Model
from mtl_core.config.patterns import distinct_names, is_pattern, matched_columns
from mtl_core.config.split import Split
from mtl_core.config.training import Training
from mtl_core.config.tuning import TuningOptions
from mtl_core.errors import ProblemError
from mtl_core.features import AnyFeature
from mtl_core.frozen import Frozen
from mtl_core.names import LABEL
from mtl_core.tasks import AnyTask

Name = Annotated[str, Field(pattern=KEY)]
FeatureName = Annotated[str, Field(pattern=FEATURE)]


class Problem(Frozen):
    """An entity, its columns, its tasks and their training."""

    name: Annotated[str, Field(pattern=NAME)]
    """Name of the model in the store: lowercase letters, digits, - and _."""
    data: Data
    split: Split
    features: Annotated[dict[FeatureName, AnyFeature], Field(min_length=1)]
    """Features by name; a name with *, ? or [...] is a pattern, which stands for the columns that it matches."""
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
    def patterns(self) -> tuple[str, ...]:
        """The names of features that are patterns, in order; none in a resolved problem."""
        return tuple(name for name in self.features if is_pattern(name))

    def resolved(self, columns: Sequence[str]) -> Self:
        """The problem with a plain feature for each column that a pattern matches, in the place of the pattern.

        Raises ProblemError for a pattern that matches none of the data's columns, and for two that contradict.
        """
        if not self.patterns:
            return self
        matches, errors = matched_columns(self, columns)
        plain = [name for name in self.features if not is_pattern(name)]
        names = distinct_names([column for own in matches.values() for column in own], taken=plain)
        features: dict[str, AnyFeature] = {}
        for name, feature in self.features.items():
            if not is_pattern(name):
                features[name] = feature
                continue
            for column in matches.get(name, ()):
                own = {"column": None if names[column] == column else column, "exclude": ()}
                features[names[column]] = feature.model_copy(update=own)
        found = self.model_copy(update={"features": features})
        if errors := [*errors, *name_errors(found)]:
            raise ProblemError(list_errors(PARAMS, errors))
        return found

    @property
    def feature_columns(self) -> tuple[str, ...]:
        """Every column that some feature of a resolved problem reads, once, in order: the inputs of the graph."""
        assert not self.patterns, "resolve the patterns first"
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
