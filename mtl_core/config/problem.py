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
from mtl_core.config.store import StoreOptions
from mtl_core.config.training import Training
from mtl_core.config.tuning import TuningOptions
from mtl_core.errors import ProblemError
from mtl_core.features import AnyFeature
from mtl_core.frozen import Frozen
from mtl_core.names import LABEL, SPAN
from mtl_core.tasks import AnyTask

Name = Annotated[str, Field(pattern=KEY)]
FeatureName = Annotated[str, Field(pattern=FEATURE)]


class Problem(Frozen):
    """An entity, its columns, its tasks and their training."""

    name: Annotated[str, Field(pattern=NAME)]
    """Name of the models in the store: lowercase letters, digits, - and _."""
    data: Data
    split: Split
    features: Annotated[dict[FeatureName, AnyFeature], Field(min_length=1)]
    """Features by name. A name with *, ? or [...] is a pattern: a feature for each column that it matches."""
    tasks: Annotated[dict[Name, AnyTask], Field(min_length=1, max_length=1_000)]
    model: Model = Model()
    training: Training = Training()
    export: Export = Export()
    gates: Gates = Gates()
    store: StoreOptions = Field(default=StoreOptions(), exclude=True)
    """Retention of versions in the model store. Excluded from every dump of a problem, since no stage depends on it."""
    tuning: TuningOptions | None = Field(default=None, exclude=True)
    """Options of `mtl tune`. Excluded from every dump of a problem, since no result depends on them."""

    def column_of(self, feature: str) -> str:
        """The column that a feature reads."""
        return self.features[feature].column or feature

    @property
    def patterns(self) -> tuple[str, ...]:
        """The names of features that are patterns, in order; none in a resolved problem."""
        return tuple(name for name in self.features if is_pattern(name))

    def resolved(self, columns: Sequence[str]) -> Self:
        """The problem with each pattern replaced by plain features of the columns that it matches.

        Raises ProblemError for a pattern that matches no column of the data, and for two that contradict each other.
        """
        if not self.patterns:
            return self
        matches, errors = matched_columns(self, columns)
        plain = [name for name in self.features if not is_pattern(name)]
        names = distinct_names([column for matched in matches.values() for column in matched], taken=plain)
        features: dict[str, AnyFeature] = {}
        for name, feature in self.features.items():
            if not is_pattern(name):
                features[name] = feature
                continue
            for column in matches.get(name, ()):
                options = {"column": None if names[column] == column else column, "exclude": ()}
                features[names[column]] = feature.model_copy(update=options)
        resolved = self.model_copy(update={"features": features})
        if errors := [*errors, *name_errors(resolved)]:
            raise ProblemError(list_errors(PARAMS, errors))
        return resolved

    @property
    def feature_columns(self) -> tuple[str, ...]:
        """Distinct columns that the features of a resolved problem read, in order: the inputs of the graph."""
        assert not self.patterns, "resolve the patterns first"
        return tuple(dict.fromkeys(self.column_of(name) for name in self.features))

    @property
    def targets(self) -> tuple[str, ...]:
        """Distinct target columns of the tasks, in order."""
        return tuple(dict.fromkeys(target for task in self.tasks.values() for target in task.targets))

    @property
    def weight_columns(self) -> tuple[str, ...]:
        """Distinct columns of row weights, in order."""
        return tuple(dict.fromkeys(task.weight_column for task in self.tasks.values() if task.weight_column))

    @property
    def slice_columns(self) -> tuple[str, ...]:
        """The columns of `gates.slices`, in order."""
        return self.gates.slices.columns if self.gates.slices else ()

    @property
    def raw_columns(self) -> tuple[str, ...]:
        """Distinct columns of the raw rows that the encoded data keep, in order: features, targets, slices."""
        return tuple(dict.fromkeys((*self.feature_columns, *self.targets, *self.slice_columns)))

    @property
    def columns(self) -> tuple[str, ...]:
        """Distinct declared columns, in order: features, targets, row weights, split, slices."""
        others = (*self.weight_columns, *self.split.columns, *self.slice_columns)
        return tuple(dict.fromkeys((*self.feature_columns, *self.targets, *others)))

    @property
    def label_prefix(self) -> str:
        """Prefix of the indicator columns, on which validation measures label rates; no declared column has it."""
        return self._unused_prefix(LABEL)

    @property
    def span_prefix(self) -> str:
        """Prefix of the columns in which validation has the spans of tagging tasks; no declared column has it."""
        return self._unused_prefix(SPAN)

    def _unused_prefix(self, prefix: str) -> str:
        while any(column.startswith(prefix) for column in self.columns):
            prefix += ":"
        return prefix

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if errors := list(consistency_errors(self)):
            raise ValueError("\n".join(errors))
        return self
