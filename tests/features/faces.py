"""A feature's second face, run by itself: its nodes as a graph, in ONNX Runtime."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa
from numpy.typing import NDArray
from onnx import TensorProto, checker, helper

from mtl_core.features import ColumnType, FittedFeature, GraphBuilder
from mtl_core.features.base import Feature
from mtl_core.features.graph import ML_OPSET, OPSET

KIND_OF = {"ids": TensorProto.INT64, "floats": TensorProto.FLOAT}


def fit(feature: Feature, values: Sequence[pa.Array], kind: ColumnType, *, name: str = "f") -> Any:
    """The feature fitted on the parts of a column."""
    fitter = feature.fitter(name, feature.column or name, kind)
    for part in values:
        fitter.update(part)
    return fitter.finish()


def raw(values: pa.Array, kind: ColumnType) -> NDArray[Any]:
    """What a client sends for the column: text with "" for missing, or float64 with NaN for missing."""
    if kind == "string":
        return np.array(["" if value is None else value for value in values.to_pylist()], dtype=object)
    return np.array([np.nan if value is None else float(value) for value in values.to_pylist()], dtype=np.float64)


def served(feature: FittedFeature, values: pa.Array) -> NDArray[Any]:
    """(rows, width): the column through the feature's nodes."""
    return served_together([feature], [values])


def served_together(features: Sequence[FittedFeature], columns: Sequence[pa.Array]) -> NDArray[Any]:
    """(rows, widths together): a column for each of several features of one kind through the nodes of all."""
    graph, kind = GraphBuilder(), type(features[0])
    names = [graph.input(feature.column, is_string=feature.type == "string") for feature in features]
    result = kind.nodes(graph, features, names)
    width = sum(feature.width for feature in features)
    output = helper.make_tensor_value_info(result, KIND_OF[kind.block], [width, "rows"])
    proto = helper.make_graph(graph.nodes, "feature", graph.inputs, [output], initializer=graph.constants)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(proto, opset_imports=opsets, ir_version=10)
    checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(
        None, {name: raw(values, feature.type) for name, feature, values in zip(names, features, columns, strict=True)}
    )
    return np.asarray(found).T
