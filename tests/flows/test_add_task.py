"""`mtl add-task`: a task on the champion's frozen trunk, its refusals, its gates, and what a crash leaves."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import helper

from flows.add_task import add, full_retrain
from flows.add_task.champion import FrozenChampion, check_task, extended_signature, open_champion
from flows.environment import prepare_environment, store_home
from flows.layout import Layout
from flows.pipeline.failure import StageFailed
from mtl_core.config import load_problem
from mtl_core.data.encoder import Encoder
from mtl_core.errors import CheckFailed, DataError, ExportError, ProblemError, TrainingError
from mtl_core.export.session import run_graph
from mtl_core.graphs.runtime import open_graph
from mtl_core.tasks import AnyTask
from mtl_core.tasks.clustering import Clustering
from mtl_core.tasks.tagging import Tagging
from serving.decisions import waiting_versions
from serving.store import Store
from tests.flows.conftest import Whole, mtl, replace_text

BIG = "  tier:\n    kind: multiclass\n    target: tier\n"
DECLARED = BIG + "  big: {kind: binary, target: spend, at_least: 120, metric: auc}\n"
GATES = "gates: {metrics: {big: {auc: %s}}}"


@pytest.fixture
def declared(copied: Path) -> Path:
    """The retrained problem, with a further task declared."""
    replace_text(copied, BIG, DECLARED)
    return copied


def store(folder: Path) -> Store:
    prepare_environment(folder)
    return Store(store_home(folder))


def predictions(folder: Path, version: str, tasks: list[str], rows: pa.Table) -> dict[str, bytes]:
    graph = (store(folder).path(version) / "model.onnx").read_bytes()
    values = run_graph(open_graph(graph), rows, Encoder.load(Layout(folder).encoder).inputs, tasks)
    return {name: array.tobytes() for name, array in values.items()}


def test_a_task_is_added_and_every_other_output_stays_the_same(
    declared: Path, whole: Whole, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, layout = whole.first.version, Layout(declared)
    test = pq.read_table(layout.encoded / "test.parquet")
    stages: list[str] = []
    monkeypatch.setattr(add, "bring_up_to_date", lambda folder, stage: stages.append(stage))
    leftover = layout.added_task / "resume" / "of-a-killed-run"
    leftover.mkdir(parents=True)

    # A gate that fails: the version is kept as refused.
    replace_text(declared, "gates: {}", GATES % 1.1)
    assert mtl(declared, "add-task", "big") == CheckFailed.exit_code
    message = capfd.readouterr().err
    assert "big.auc: FAILED" in message
    assert f"champion {before} keeps serving" in message
    assert store(declared).champion("tiny") == before
    refused = next(version for version in store(declared).versions("tiny") if version != before)
    assert "big.auc" in store(declared).refusal(refused)[0]
    assert not layout.added_task.exists()
    assert stages == ["digests", "validate"]  # what DVC does is tested elsewhere

    # With an approval: the same bytes wait.
    approved = "gates: {approval: required, metrics: {big: {auc: 0.5}}}"
    replace_text(declared, GATES % 1.1, approved)
    assert mtl(declared, "add-task", "big") == 0
    assert "waits for approval" in capfd.readouterr().out
    assert store(declared).champion("tiny") == before
    assert waiting_versions(store(declared), "tiny") == [refused]

    # The same command without one: the same bytes, now promoted. The full retrain is the same model here.
    def train_all_tasks(folder: Path) -> None:
        scratch = Layout(layout.added_task)
        shutil.copytree(scratch.graph.parent, layout.graph.parent, dirs_exist_ok=True)
        for name in ("encoder.json", "test.parquet"):
            shutil.copyfile(layout.added_task / "rows" / name, layout.encoded / name)

    monkeypatch.setattr(add, "train_all_tasks", train_all_tasks)
    monkeypatch.setattr(full_retrain, "is_up_to_date", lambda folder, stage: True)
    replace_text(declared, approved, GATES % 0.5)
    capfd.readouterr()
    assert mtl(declared, "add-task", "big", "--json", "--compare") == 0
    printed = capfd.readouterr().out
    result = json.loads(printed[printed.index("{\n") :])  # after the progress, which in a process is on stderr
    assert (result["version"], result["champion"]) == (refused, before)
    assert store(declared).champion("tiny") == refused
    assert result["unchanged"] == ["churned", "spend", "tier"]
    assert result["full_retrain"]["metric"] == "auc"
    assert [result["full_retrain"][key] for key in ("difference", "low", "high")] == [0, 0, 0]
    assert result["metrics"][1]["name"] == "auc"
    assert result["metrics"][1]["value"] > 0.9
    checks = json.loads((store(declared).path(refused) / "checks.json").read_text())
    assert set(checks["metrics"]) == {"churned.log_loss", "spend.rmse", "tier.log_loss", "big.auc"}
    assert f"every other output equals that of {before} to the bit" in checks["notes"][0]

    others = ["churned", "spend", "tier"]
    assert predictions(declared, before, others, test) == predictions(declared, refused, others, test)
    signatures = [
        json.loads((store(declared).path(version) / "signature.json").read_text()) for version in (before, refused)
    ]
    assert signatures[1]["outputs"][:3] == signatures[0]["outputs"]
    assert signatures[1]["outputs"][3]["name"] == "big"
    assert signatures[1]["inputs"] == signatures[0]["inputs"]

    # Served now.
    assert mtl(declared, "add-task", "big") == ProblemError.exit_code
    assert f"champion {refused} does not serve, found it among churned, spend, tier, big" in capfd.readouterr().err


def test_refused_before_anything_runs(declared: Path) -> None:
    problem = load_problem(declared)
    with pytest.raises(ProblemError, match=r"tasks\.bit: must be declared .* did you mean 'big'"):
        check_task(problem, "bit")
    with pytest.raises(ProblemError, match=r"tasks\.churned: must be a task that champion"):
        open_champion(declared, problem, "churned")
    graph = store(declared).path(str(store(declared).champion("tiny"))) / "model.onnx"
    graph.chmod(0o644)
    graph.write_bytes(graph.read_bytes()[:-1])
    with pytest.raises(DataError, match="must have intact files"):
        open_champion(declared, problem, "big")
    shutil.rmtree(Layout(declared).store)
    with pytest.raises(DataError, match="must have a champion, to which a task is added, found none"):
        open_champion(declared, problem, "big")


@pytest.mark.parametrize("task", [Clustering(clusters=3), Tagging(target="spans", text="words")])
def test_kinds_without_a_label_per_row_are_refused(tiny_problem: Path, task: AnyTask) -> None:
    problem = load_problem(tiny_problem).model_copy(update={"tasks": {"other": task}})
    with pytest.raises(ProblemError, match=f"must learn from a label per row, found kind {task.kind}"):
        check_task(problem, "other")


OUTPUT = {"name": "late", "kind": "binary", "form": "number", "unit": "probability"}
SIGNATURE: dict[str, Any] = {
    "format": 2,
    "name": "m",
    "version_of_trunkline": "0.0.1",
    "graph_sha256": "0" * 64,
    "inputs": [{"name": "size", "type": "number"}],
    "outputs": [OUTPUT],
}


def champion_of(nodes: list[onnx.NodeProto], weights: dict[str, float], **signature: Any) -> FrozenChampion:
    """A champion whose graph has these nodes and matrices of one number."""
    tensors = [
        helper.make_tensor(f"trunkline/network/network.{name}", onnx.TensorProto.FLOAT, (1, 1), [value])
        for name, value in weights.items()
    ]
    graph = helper.make_graph(nodes, "g", [], [], initializer=tensors)
    return FrozenChampion(version="m:1", model=helper.make_model(graph), signature=SIGNATURE | signature)


def test_a_graph_without_heads_of_rows_or_inputs_is_refused() -> None:
    with pytest.raises(ExportError, match=r"champion m:1: must have a task of level row.*found heads: none"):
        champion_of([], {}).tensors("more", adapter=False)
    nodes = [
        helper.make_node("Relu", ["size"], ["trunk"]),
        helper.make_node("Gemm", ["trunk", "trunkline/network/network.heads.0.last.weight"], ["late"]),
    ]
    heads = {"heads.0.last.weight": 1.0}
    found = champion_of(nodes, heads)
    assert [tensor.name for tensor in found.tensors("more", adapter=False)] == ["trunk"]
    with pytest.raises(ExportError, match="must have an input layer of a known form for --adapter"):
        found.tensors("more", adapter=True)
    of_tokens = champion_of(nodes, heads, outputs=[OUTPUT | {"level": "token", "sequence": "text", "tokens": "t"}])
    assert of_tokens.sequences == {"late": "text", "t": "text"}
    with pytest.raises(ExportError, match=r"found heads: late \(token\)"):
        of_tokens.tensors("more", adapter=False)


def test_columns_that_changed_are_refused() -> None:
    def signature(kind: str) -> Any:
        return SimpleNamespace(signature=lambda: {"type": kind})

    champion = champion_of([], {}, inputs=[{"name": "size", "type": "number", "text": {"nulls": ["NA"]}}])
    inputs = {"size": signature("number"), "more": signature("string")}
    assert list(champion.inputs(cast("Encoder", SimpleNamespace(inputs=inputs)))) == ["size"]
    for changed in ({"more": signature("number")}, {"size": signature("string")}):
        with pytest.raises(DataError, match=r"or has with another type: size; run `mtl retrain`"):
            champion.inputs(cast("Encoder", SimpleNamespace(inputs=changed)))


def test_the_signature_gains_the_output_and_keeps_the_others() -> None:
    added = SIGNATURE | {
        "format": 4,
        "version_of_trunkline": "0.1.0",
        "graph_sha256": "1" * 64,
        "inputs": [],
        "outputs": [OUTPUT | {"name": "more"}],
    }
    changed = extended_signature(SIGNATURE, added)
    assert changed["outputs"] == [OUTPUT, OUTPUT | {"name": "more"}]
    assert changed["inputs"] == SIGNATURE["inputs"]
    assert [changed[key] for key in ("format", "version_of_trunkline", "graph_sha256")] == [4, "0.1.0", "1" * 64]
    assert extended_signature(SIGNATURE | {"format": 5}, added)["format"] == 5


def test_a_full_retrain_is_compared_whatever_its_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    exit_codes = iter([0, 0, 0, CheckFailed.exit_code, TrainingError.exit_code])

    def bring_up_to_date(folder: Path, stage: str) -> bool:
        if code := next(exit_codes):
            raise StageFailed(f"stage {stage} failed", code)
        return True

    monkeypatch.setattr(full_retrain, "bring_up_to_date", bring_up_to_date)
    full_retrain.train_all_tasks(Path())
    with pytest.raises(StageFailed, match="stage prepare failed"):
        full_retrain.train_all_tasks(Path())
