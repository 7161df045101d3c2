"""Cost of the preprocessing inside the exported graph: the complete graph relative to the network alone.

    python benchmarks/graph.py [--problems flights census] [--rows 1000] [--rounds 30] [--calls 20] [--int8]

Both are graphs of one untrained network and a fitted encoder. The complete graph takes raw columns of the test split,
text and float64; the other one takes the encoded blocks `ids` and `floats`. Inputs are passed as values of ONNX
Runtime, so that the conversion of Python strings is excluded; `from NumPy` includes it: both graphs are called with
NumPy arrays, as the service does. `lookups` is the share of the complete graph's time that a graph with only one
LabelEncoder per text column takes. It is the cost of hashing strings, so 1 - lookups is an upper bound of the ratio.

--int8 compares the 8-bit graph with the 32-bit one: speed, size, and difference from the network as measured by
`parity`. It uses the trained weights of artifacts/training if there are any, and then prints the test metrics of both.

One thread, alternating in one run; processor seconds; medians of the rounds' ratios. The last line is one JSON object:
{"graph": {problem: rate of the complete graph / rate of the network}, "int8": {problem: {"speed", "size", "parity"}}}.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import torch
from measurement import alternate, processor_seconds
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import OrtValue
from problems import FOLDERS, Prepared, prepared
from safetensors.torch import load_file

from flows.layout import Layout
from mtl_core.evaluation import evaluate
from mtl_core.export.graph import build_graph, network_graph
from mtl_core.export.int8 import quantize_int8
from mtl_core.export.parity import parity
from mtl_core.export.session import graph_inputs, run_graph
from mtl_core.graphs.builder import IR_VERSION, OPSETS
from mtl_core.graphs.runtime import Session, open_graph
from mtl_core.model import Network

PARITY_ROWS = 10_000
Call = Callable[[], object]


def main() -> None:
    """Time the graphs of every problem and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", choices=FOLDERS, default=["flights", "census"])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--calls", type=int, default=20, help="of a round")
    parser.add_argument("--int8", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"ms a call of {arguments.rows:,} rows")
    print(f"{'problem':<10}{'complete':>10}{'network':>9}{'ratio':>8}{'from NumPy':>12}{'lookups':>9}")
    results: dict[str, dict[str, Any]] = {"graph": {}}
    for name in arguments.problems:
        with prepared(FOLDERS[name], threads=1) as problem:
            results["graph"][name] = preprocessing(name, problem, arguments)
            if arguments.int8:
                results.setdefault("int8", {})[name] = eight_bits(name, problem, arguments)
    print(json.dumps(results))


def preprocessing(name: str, problem: Prepared, arguments: argparse.Namespace) -> float:
    """Print a line and return the ratio of the rates of complete graph and network."""
    network = Network.seeded(problem.declared, problem.encoder, 0)
    rows = problem.raw_test.take(np.arange(arguments.rows) % problem.raw_test.num_rows)
    complete = open_graph(build_graph(network, problem.encoder).SerializeToString())
    network_only = open_graph(network_graph(network, problem.encoder).SerializeToString())
    raw = graph_inputs(rows, problem.encoder.inputs)
    kinds = {"tensor(int32)": np.int32, "tensor(float)": np.float32}
    blocks = {
        block.name: values.astype(kinds[block.type])
        for block, values in zip(network_only.get_inputs(), problem.encoder.batch(rows).values(), strict=True)
    }
    calls = {
        "complete": bound_call(complete, raw),
        "network": bound_call(network_only, blocks),
        "complete from NumPy": lambda: complete.run(None, raw),
        "network from NumPy": lambda: network_only.run(None, blocks),
    }
    texts = [feature for feature in problem.encoder.groups["categorical"] if feature.type == "string"]
    if texts:
        calls["lookups"] = bound_call(open_graph(lookups(texts)), {text.column: raw[text.column] for text in texts})
    times = alternated(calls, arguments)
    ratio, ratio_from_numpy = (
        quotient(times, "network", "complete"),
        quotient(times, "network from NumPy", "complete from NumPy"),
    )
    share = quotient(times, "lookups", "complete") if texts else 0.0
    ms = {key: statistics.median(values) * 1e3 for key, values in times.items()}
    print(
        f"{name:<10}{ms['complete']:>10.3f}{ms['network']:>9.3f}{ratio:>8.3f}{ratio_from_numpy:>12.3f}{share:>9.3f}",
        flush=True,
    )
    return round(ratio, 3)


def eight_bits(name: str, problem: Prepared, arguments: argparse.Namespace) -> dict[str, float]:
    """Print and return speed, size and parity of the 8-bit graph relative to the 32-bit one."""
    encoder, weights = problem.encoder, Layout(FOLDERS[name]).weights
    network, trained = Network.seeded(problem.declared, encoder, 0), weights.is_file()
    if trained:
        try:
            network.load_state_dict(load_file(weights))
        except RuntimeError:
            trained = False  # weights of an earlier params.yaml
    graph = build_graph(network, encoder)
    graphs = {"float": graph.SerializeToString(), "int8": quantize_int8(graph).SerializeToString()}
    sessions = {key: open_graph(content) for key, content in graphs.items()}
    raw = graph_inputs(problem.raw_test.take(np.arange(arguments.rows) % problem.raw_test.num_rows), encoder.inputs)
    speed = quotient(alternated({key: bound_call(s, raw) for key, s in sessions.items()}, arguments), "float", "int8")
    size = len(graphs["int8"]) / len(graphs["float"])
    worst = parity(sessions["int8"], network, encoder, problem.raw_test.slice(0, PARITY_ROWS))
    state = "trained" if trained else "untrained"
    print(
        f"  int8, {state}: {speed:.2f} times as fast, {size:.2f} of the size, "
        f"parity {worst.difference:.4f} of {worst.task}"
    )
    if trained:
        labels, tasks = encoder.labels(problem.raw_test), problem.tasks
        names = [task.name for task in tasks]
        both = {
            key: evaluate(tasks, labels, run_graph(session, problem.raw_test, encoder.inputs, names), resamples=0)
            for key, session in sessions.items()
        }
        for task in tasks:
            values = [both[key][task.name][task.metric.name].value for key in sessions]
            print(f"    {task.name} {task.metric.name}: {values[0]:.5g} in 32 bits, {values[1]:.5g} in 8")
    return {"speed": round(speed, 3), "size": round(size, 3), "parity": round(worst.difference, 4)}


def lookups(features: list[Any]) -> bytes:
    """A graph with only one LabelEncoder per text column."""
    nodes, inputs, outputs = [], [], []
    for number, feature in enumerate(features):
        keys, values = ["", *feature.vocabulary], [0, *range(2, feature.size)]
        nodes.append(
            helper.make_node(
                "LabelEncoder",
                [feature.column],
                [f"{number}"],
                domain="ai.onnx.ml",
                keys_strings=keys,
                values_int64s=values,
                default_int64=1,
            )
        )
        inputs.append(helper.make_tensor_value_info(feature.column, TensorProto.STRING, ["rows"]))
        outputs.append(helper.make_tensor_value_info(f"{number}", TensorProto.INT64, ["rows"]))
    return as_bytes(helper.make_graph(nodes, "lookups", inputs, outputs))


def bound_call(session: Session, inputs: Mapping[str, NDArray[Any]]) -> Call:
    """A call whose inputs are values of ONNX Runtime."""
    values = {
        name: texts(array) if array.dtype == object else OrtValue.ortvalue_from_numpy(array)
        for name, array in inputs.items()
    }
    names = [output.name for output in session.get_outputs()]
    return lambda: session.run_with_ort_values(names, values)


def texts(array: NDArray[Any]) -> OrtValue:
    """Strings as a value of ONNX Runtime, which only the output of a graph can be: a constant one."""
    node = helper.make_node("Identity", ["constant"], ["output"])
    output = helper.make_tensor_value_info("output", TensorProto.STRING, [len(array)])
    graph = helper.make_graph([node], "texts", [], [output], initializer=[numpy_helper.from_array(array, "constant")])
    return open_graph(as_bytes(graph)).run_with_ort_values(["output"], {})[0]


def as_bytes(graph: onnx.GraphProto) -> bytes:
    """The bytes of a model with this graph."""
    opsets = [helper.make_opsetid(domain, OPSETS[domain]) for domain in ("", "ai.onnx.ml")]
    content: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION).SerializeToString()
    return content


def alternated(calls: Mapping[str, Call], arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Processor seconds a call, per round; the first rounds warm up."""
    measurements = {name: lambda call=call: processor_seconds(call, arguments.calls) for name, call in calls.items()}
    return alternate(measurements, arguments.rounds, warm_up=3)


def quotient(times: Mapping[str, list[float]], first: str, second: str) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(times[first], times[second], strict=True))


if __name__ == "__main__":
    main()
