"""A declared problem: `params.yaml` as frozen models. The only place that reads YAML."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from mtl_core.balancing import Balancing
from mtl_core.declared import Declared
from mtl_core.errors import ProblemError
from mtl_core.explain import explain, nearest
from mtl_core.features import INTERNAL, AnyFeature
from mtl_core.stopping import Stopping
from mtl_core.tasks import AnyTask
from mtl_core.trunks import AnyTrunk

__all__ = [
    "PARAMS",
    "Data",
    "Gates",
    "HeadOptions",
    "Model",
    "Problem",
    "Split",
    "Training",
    "load_problem",
    "parse_problem",
]

PARAMS = "params.yaml"

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,99}$")]
Share = Annotated[float, Field(gt=0, lt=1)]
Border = date | datetime | int | float | str


class Data(Declared):
    """Where the rows are."""

    path: str
    """One file, or a folder of parts: Parquet or CSV, relative to the problem's folder."""
    nulls: tuple[str, ...] = ("",)
    """What stands for a missing value in CSV."""
    quarantine: Annotated[float, Field(ge=0, le=1)] = 0.001
    """The largest share of a part's rows that validation may set aside."""


class TimeSplit(Declared):
    """Everything before `validation` trains, everything from `test` on tests."""

    by: Literal["time"]
    column: str
    validation: Border
    test: Border


class HashSplit(Declared):
    """By a hash of a key, so that the rows of one key never straddle two splits."""

    by: Literal["hash"]
    column: str
    validation: Share = 0.1
    test: Share = 0.1

    @model_validator(mode="after")
    def _some_train(self) -> Self:
        if self.validation + self.test >= 1:
            raise ValueError(
                f"`validation` and `test` must leave rows to train on, found {self.validation + self.test:g}"
            )
        return self


class ColumnSplit(Declared):
    """By a column that says it; rows with any other value train."""

    by: Literal["column"]
    column: str
    validation: str | int = "validation"
    test: str | int = "test"


Split = Annotated[TimeSplit | HashSplit | ColumnSplit, Field(discriminator="by")]


class HeadOptions(Declared):
    """One per task: a hidden layer where `width` is not 0, then the task's logits."""

    width: Annotated[int, Field(ge=0, le=65_536)] = 64
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1


class Model(Declared):
    """The shared network."""

    embedding: Annotated[int, Field(ge=1, le=1_024)] = 16
    """Width of every categorical value's embedding; all share one table."""
    trunk: AnyTrunk = AnyTrunk()
    head: HeadOptions = HeadOptions()


class Training(Declared):
    """The optimisation."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    epochs: Annotated[int, Field(ge=1)] = 20
    """At most; stopping usually ends it before."""
    batch_size: Annotated[int, Field(ge=1)] = 2048
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    threads: Annotated[int, Field(ge=1, le=256)] = 2
    """Of torch; part of what makes a run repeatable to the bit."""
    balancing: Balancing = Balancing()
    stopping: Stopping = Stopping()


class Latency(Declared):
    """Limits on the median time of one call of the graph, in milliseconds on one thread."""

    rows_1: Annotated[float, Field(gt=0)] = 5.0
    rows_1000: Annotated[float, Field(gt=0)] = 100.0


class Gates(Declared):
    """What a model must pass before it can be promoted."""

    metrics: dict[str, dict[str, float]] = Field(default_factory=dict)
    """Per task and metric the limit on the test split: a floor where higher is better, else a ceiling."""
    parity: Annotated[float, Field(gt=0)] = 1e-4
    """Largest difference of graph and network, in the task's scale."""
    latency_ms: Latency = Latency()
    size_mb: Annotated[float, Field(gt=0)] = 50.0
    worse_than_champion: Annotated[float, Field(ge=0)] = 0.0
    """How much of a task's own metric a candidate may lose to the champion, beyond what chance explains."""


class Problem(Declared):
    """One entity, its columns, its tasks, and how they are learned."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
    """Names the model in the store: small letters, digits, - and _."""
    data: Data
    split: Split
    features: Annotated[dict[Name, AnyFeature], Field(min_length=1)]
    tasks: Annotated[dict[Name, AnyTask], Field(min_length=1, max_length=1_000)]
    model: Model = Model()
    training: Training = Training()
    gates: Gates = Gates()

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
        return tuple(dict.fromkeys(task.target for task in self.tasks.values()))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read: features, targets, split."""
        return tuple(dict.fromkeys((*self.feature_columns, *self.targets, self.split.column)))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        inputs = {self.column_of(name): name for name in self.features}
        for column, name in inputs.items():
            if column.startswith(INTERNAL):
                raise ValueError(
                    f"features.{name}.column: must not begin with {INTERNAL!r}, which marks the internal values of the "
                    f"exported graph, found {column!r}; rename the column"
                )
        for name, task in self.tasks.items():
            if task.target in inputs:
                raise ValueError(
                    f"tasks.{name}.target: a target cannot be a feature too, found column {task.target!r}, which "
                    f"features.{inputs[task.target]} reads; remove one of the two"
                )
            if name in inputs:
                raise ValueError(
                    f"tasks.{name}: a task cannot have the name of a feature's column, since the exported graph knows "
                    "both by name; rename the task"
                )
            known = [metric.name for metric in task.metrics]
            _check_name(f"tasks.{name}.metric", "a metric of kind " + task.kind, task.metric or known[0], known)
        for name, limits in self.gates.metrics.items():
            _check_name(f"gates.metrics.{name}", "a declared task", name, list(self.tasks))
            task = self.tasks[name]
            for metric in limits:
                known = [m.name for m in task.metrics]
                _check_name(f"gates.metrics.{name}.{metric}", "a metric of kind " + task.kind, metric, known)
        return self


def _check_name(path: str, rule: str, found: str, known: list[str]) -> None:
    if found not in known:
        raise ValueError(f"{path}: must be {rule}, found {found!r}; {nearest(found, known)}")


def parse_problem(document: Any, *, source: str = PARAMS) -> Problem:
    """A parsed document as a problem; ProblemError lists all that is wrong with it."""
    if not isinstance(document, dict):
        raise ProblemError(
            f"{source}: must be a mapping with name, data, split, features, tasks; found {document!r:.60}"
        )
    try:
        return Problem.model_validate(document)
    except ValidationError as error:
        raise ProblemError(explain(error, Problem, source)) from None


def load_problem(folder: Path) -> Problem:
    """Reads `params.yaml` of a problem's folder (YAML 1.2, safe loading)."""
    path = folder / PARAMS
    try:
        document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProblemError(
            f"{path}: not found; a problem is a folder with {PARAMS}: go to one, name one with -C FOLDER, "
            "or make one with `mtl init FILE --tasks a,b`"
        ) from None
    except OSError as error:
        raise ProblemError(f"{path}: must be a readable file, found: {error.strerror}") from None
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ProblemError(f"{path}: must be YAML, found: {line}{error.problem}") from None
    # The parser lets Python's own errors through: a month 13, a number of 5,000 digits, `!!bool abc`, deep nesting.
    except (YAMLError, ValueError, KeyError, RecursionError) as error:
        raise ProblemError(f"{path}: must be YAML, found: {str(error).splitlines()[0]}") from None
    return parse_problem(document, source=str(path))
