"""End-to-end run of a problem with kinds that a test file defines: all stages, a kill between epochs, and the service.

Unions are read when modules are imported, so a test that edits them runs in a new interpreter.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]


def in_new_interpreter(module: str, folder: Path) -> dict[str, Any]:
    """Run `python -m MODULE FOLDER` and return its results."""
    run = subprocess.run(
        [sys.executable, "-m", module, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout[-2_000:] + run.stderr[-4_000:]
    results: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return results


def write_results(folder: Path, results: dict[str, Any]) -> None:
    """Write the results for `in_new_interpreter`."""
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")


def run_end_to_end(folder: Path, params: str, table: pa.Table, requests: list[Any]) -> dict[str, Any]:
    """Run every stage of a problem; return their results and the responses to the requests, as JSON."""
    from flows.layout import Layout
    from flows.stages import check, export, prepare, report, train, validate
    from mtl_core.config import load_problem
    from mtl_core.validation.profile import write_profile

    (folder / "data").mkdir(parents=True)
    (folder / "studies").mkdir()
    pq.write_table(table, folder / "data" / "part.parquet")
    (folder / "params.yaml").write_text(params, encoding="utf-8")
    problem, layout = load_problem(folder), Layout(folder)
    write_profile(folder, problem)
    suite = (folder / "gx" / "expectations" / f"{problem.name}.json").read_text(encoding="utf-8")
    validate.run(folder)
    prepare.run(folder)
    resumed = _resumes_identically(folder, lambda: train.run(folder))
    for stage in (export, check, report):
        stage.run(folder)
    return {
        "suite": suite,
        "resumed identically": resumed,
        "checks": {check["name"]: check["passed"] for check in json.loads(layout.checks.read_text())["checks"]},
        "signature": json.loads(layout.signature.read_text()),
        "report": layout.report.read_text(encoding="utf-8"),
        "responses": _responses(folder, problem.name, requests),
    }


def _resumes_identically(folder: Path, train_stage: Any) -> bool:
    """True if a killed training, resumed by the stage, has the weights of an uninterrupted one."""
    from safetensors.torch import load_file

    from flows.layout import Layout
    from mtl_core.config import load_problem
    from mtl_core.data.encoded import EncodedSplit
    from mtl_core.data.encoder import Encoder
    from mtl_core.training import Progress, train

    class Killed(Exception):
        """A simulated kill between two epochs."""

    class KillAfterSecondEpoch(Progress):
        """Stop the training after its second epoch."""

        def on_epoch(self, epoch: Any) -> None:
            if epoch.number == 2:
                raise Killed

    problem, layout = load_problem(folder), Layout(folder)
    encoder = Encoder.load(layout.encoder)
    splits = [EncodedSplit.open(layout.encoded / name, encoder) for name in ("train", "validation")]
    uninterrupted, _ = train(problem, encoder, *splits, folder / "uninterrupted")
    try:
        train(problem, encoder, *splits, layout.resume, KillAfterSecondEpoch())
    except Killed:
        train_stage()
    weights = load_file(layout.weights)
    return all(weights[name].equal(value) for name, value in uninterrupted.state_dict().items())


def _responses(folder: Path, name: str, requests: list[Any]) -> list[Any]:
    """Status and body of each response of the service."""
    from starlette.testclient import TestClient

    from flows.layout import Layout
    from serving.app import build_app
    from serving.live import LiveModel
    from serving.store import Store

    layout, store, live = Layout(folder), Store(folder / "store"), LiveModel()
    store.promote(store.save(model=layout.graph.parent, checks=layout.checks))
    live.open(store.home, name)
    with TestClient(build_app(live)) as client:
        responses = [client.post("/predict", json=rows) for rows in requests]
    return [[response.status_code, response.json()] for response in responses]
