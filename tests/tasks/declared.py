"""Tasks as `params.yaml` declares them, fitted on a target column."""

from typing import Any

import pyarrow as pa
from pydantic import TypeAdapter

from mtl_core.arrow import column_type
from mtl_core.tasks import AnyTask


def task(kind: str, **options: Any) -> Any:
    """A declared task on the column `y`."""
    return TypeAdapter(AnyTask).validate_python({"kind": kind, "target": "y", **options})


def fit(declared: Any, *parts: pa.Array) -> Any:
    """The codec of the task `t`, fitted on the parts of a column."""
    fitter = declared.fitter("t", column_type("y", parts[0].type))
    for part in parts:
        fitter.update(part)
    return fitter.finish()


def objective(declared: Any, *parts: pa.Array) -> Any:
    """The objective of the task `t`, its codec fitted on the parts of a column."""
    return declared.objective(fit(declared, *parts))
