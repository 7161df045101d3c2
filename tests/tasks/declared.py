"""Tasks as `params.yaml` declares them, fitted on a target column."""

from typing import Any

import pyarrow as pa
from pydantic import TypeAdapter

from mtl_core.arrow import column_type
from mtl_core.tasks import AnyTask


def task(kind: str, **options: Any) -> Any:
    """A declared task, by default on the column `y`."""
    return TypeAdapter(AnyTask).validate_python({"kind": kind, "target": "y", **options})


def fit_codec(declared: Any, *parts: pa.Array) -> Any:
    """The codec of the task `t`, fitted on the parts of a column, or of a struct with a field per column."""
    arrow_type = parts[0].type
    of_column = arrow_type[0].type if pa.types.is_struct(arrow_type) else arrow_type
    fitter = declared.fitter("t", column_type("y", of_column, declared.target_types))
    for part in parts:
        fitter.update(part)
    return fitter.finish()


def fit_objective(declared: Any, *parts: pa.Array) -> Any:
    """The objective of the task `t`, with its codec fitted on the parts of a column."""
    return declared.objective(fit_codec(declared, *parts))
