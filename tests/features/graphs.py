"""Features fitted on its parts, and their ONNX nodes run in ONNX Runtime."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa
from numpy.typing import NDArray
from onnx import checker, helper

from mtl_core.arrow import ColumnType
from mtl_core.features import FittedFeature
from mtl_core.features.base import Feature
from mtl_core.features.categorical import FittedCategorical
from mtl_core.graphs.builder import GraphBuilder

ARROW_TYPES = {"string": pa.string(), "number": pa.float64(), "boolean": pa.bool_()}


def fit(feature: Feature, values: Sequence[pa.Array], kind: ColumnType | pa.DataType, *, name: str = "f") -> Any:
    """The feature fitted on the parts of a column."""
    arrow_type = ARROW_TYPES[kind] if isinstance(kind, str) else kind
    fitter = feature.fitter(name, feature.column or name, arrow_type)
    for part in values:
        fitter.update(part)
    return fitter.finish()


def served(feature: FittedFeature, values: pa.Array) -> NDArray[Any]:
    """(rows, width): the column through the feature's nodes."""
    return served_group([feature], [values])


def served_group(features: Sequence[FittedFeature], columns: Sequence[pa.Array]) -> NDArray[Any]:
    """(rows, total width): a column of each feature of one kind through the nodes of the group."""
    kind = type(features[0])
    (block,) = run_nodes(features, columns).values()
    return block - kind.offsets(features) if issubclass(kind, FittedCategorical) else block


def run_nodes(features: Sequence[FittedFeature], columns: Sequence[pa.Array]) -> dict[str, NDArray[Any]]:
    """The blocks of a kind, as its nodes compute them."""
    graph, kind = GraphBuilder(), type(features[0])
    inputs = {feature.column: graph.input(feature.column, feature.input_type) for feature in features}
    values, blocks = kind.to_onnx(graph, features, inputs), kind.blocks(features)
    outputs = []
    for name, value in values.items():
        ids = np.issubdtype(blocks[name].dtype, np.integer)
        element = helper.np_dtype_to_tensor_dtype(np.dtype(np.int32) if ids else blocks[name].dtype)
        shape = ["rows", *(["length"] if blocks[name].ragged else []), *blocks[name].shape]
        outputs.append(helper.make_tensor_value_info(value, element, shape))
    model = graph.model(outputs)
    checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    raw = {f.column: f.input_type.tensor(column) for f, column in zip(features, columns, strict=True)}
    return dict(zip(values, session.run(None, raw), strict=True))
