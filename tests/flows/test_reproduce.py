"""`mtl reproduce`: a version trained again from its provenance in a clone, and everything that can be missing."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flows.git import git_output
from flows.layout import Layout
from flows.pipeline.experiments import experiment_revision, save_experiment
from flows.pipeline.failure import StageFailed
from flows.pipeline.graph import DIGESTS, open_repository
from flows.reproduce import run as run_module
from flows.reproduce.clone import find_revision
from flows.reproduce.errors import NotReproducible
from mtl_core.errors import CheckFailed, DataError, RunInProgress, ToolError
from mtl_core.locks import exclusive_command
from serving.provenance import CodeRevision, Experiment, ModelProvenance
from serving.store import Store
from tests.flows.conftest import Whole, git, mtl

Fake = Callable[..., None]


def store_of(folder: Path) -> Store:
    return Store(Layout(folder).store)


def provenance_of(folder: Path, tag: str) -> ModelProvenance:
    provenance = store_of(folder).provenance(tag)
    assert provenance is not None
    return provenance


def rewrite(folder: Path, tag: str, **change: Any) -> None:
    """Change a version's provenance in the store."""
    changed = msgspec.structs.replace(provenance_of(folder, tag), **change)
    (store_of(folder).path(tag) / "provenance.json").write_bytes(msgspec.json.encode(changed))


def test_a_retrain_stores_the_provenance_of_its_version(whole: Whole) -> None:
    tag = whole.first.version
    provenance = provenance_of(whole.folder, tag)
    assert provenance.data is not None
    assert provenance.data.hash in (whole.folder / "data.dvc").read_text()
    assert list(provenance.data.files) == ["tiny.csv"]
    assert provenance.code is not None
    assert (provenance.code.folder, provenance.code.changed) == ("", ())
    assert git_output(whole.folder, "rev-parse", "HEAD") == provenance.code.revision
    experiment = provenance.code.experiment
    assert experiment is not None
    assert experiment_revision(whole.folder, experiment.name) == (experiment.revision, provenance.code.revision)
    assert set(provenance.files) == {
        *("params.yaml", "dvc.yaml", "dvc.lock", "data.dvc"),
        "gx/expectations/tiny.json",
    }
    assert provenance.files["dvc.lock"] == (whole.folder / "dvc.lock").read_text()
    assert {"python", "torch", "numpy", "onnx", "pyarrow"} <= set(provenance.packages)
    assert set(provenance.stages) == {stage.name for stage in whole.first.stages}
    assert provenance.seed == 0
    text = (store_of(whole.folder).path(tag) / "provenance.json").read_text()
    assert str(whole.folder) not in text


def test_runs_of_the_flow_stand_beside_manual_experiments(copied: Path, whole: Whole) -> None:
    assert "recorded" in save_experiment(copied, "by-hand")
    with open_repository(copied) as repo:
        (baseline,) = [
            state for state in repo.experiments.show() if state.rev == git_output(copied, "rev-parse", "HEAD")
        ]
    states = {experiment.name: experiment.revs[0] for experiment in baseline.experiments or ()}
    names = {"by-hand", whole.first.version.replace(":", "-")}
    assert names <= set(states)
    for name in names:
        assert "artifacts/metrics.json" in states[name].data.metrics


def test_a_version_is_reproduced_to_the_byte_and_the_working_tree_is_not_changed(
    whole: Whole, copied: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The store alone, a clone, and a cache: neither artifacts nor data are in the working tree."""
    shutil.rmtree(copied / "artifacts")
    shutil.rmtree(copied / "data")
    (copied / "params.yaml").write_text("name: tiny\n")
    before = git_output(copied, "status", "--porcelain")
    assert mtl(copied, "reproduce", "champion", "--json", "--into", str(tmp_path / "again")) == 0
    result = json.loads(capfd.readouterr().out)
    assert (result["identical"], result["reproduced"], result["environment"]) == (True, True, [])
    assert result["folder"] == str(tmp_path / "again")
    version = store_of(copied).path(whole.first.version)
    for name in ("model.onnx", "signature.json"):
        assert (Layout(tmp_path / "again").graph.parent / name).read_bytes() == (version / name).read_bytes()
    assert git_output(copied, "status", "--porcelain") == before
    assert not (copied / "artifacts").exists()
    with open_repository(tmp_path / "again") as repo:  # outputs are not stored twice
        assert not Path(repo.cache.local.path).is_relative_to(copied)


@pytest.fixture
def fake_stages(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Replace the run of stages: `fake(graph=BYTES, metrics={NAME: VALUE}, code=DIGEST)`, where they differ."""

    def fake(*, graph: bytes | None = None, metrics: dict[str, float | None] | None = None, code: str = "") -> None:
        def run_stage(folder: Path, stage: str, *, anew: bool = False) -> bool:
            assert anew is (stage != DIGESTS)
            theirs, ours = Layout(whole.folder), Layout(folder)
            ours.artifacts.mkdir(exist_ok=True)
            if stage == DIGESTS:
                document = json.loads(theirs.digests.read_text())
                document["code"] |= {"train": code} if code else {}
                ours.digests.write_text(json.dumps(document))
            elif stage == "export":
                ours.graph.parent.mkdir()
                ours.graph.write_bytes(theirs.graph.read_bytes() if graph is None else graph)
            elif stage == "check":
                document = json.loads(theirs.checks.read_text())
                document["metrics"] |= metrics or {}
                ours.checks.write_text(json.dumps(document))
                raise StageFailed("1 of 9 checks failed", CheckFailed.exit_code)
            return True

        monkeypatch.setattr(run_module, "bring_up_to_date", run_stage)

    return fake


@pytest.mark.parametrize(
    ("machine", "change", "code", "words"),
    [
        ("", 0.0, 4, "the same machine and packages must give the same bytes"),
        ("another", 0.005, 0, "is reproduced: every metric within 1.00%"),
        ("another", 0.02, 4, "is not reproduced: must have every metric within 1.00%"),
        ("another", float("inf"), 4, "undefined"),
    ],
)
def test_other_bytes_are_accepted_within_the_tolerance_on_another_machine_only(
    whole: Whole,
    copied: Path,
    fake_stages: Fake,
    capfd: pytest.CaptureFixture[str],
    machine: str,
    change: float,
    code: int,
    words: str,
) -> None:
    tag = whole.first.version
    metrics = json.loads(Layout(whole.folder).checks.read_text())["metrics"]
    name, value = next(iter(metrics.items()))
    fake_stages(graph=b"other", metrics={name: None if change == float("inf") else value * (1 + change)})
    if machine:
        rewrite(copied, tag, processor=machine)
    assert mtl(copied, "reproduce", tag) == code
    printed = capfd.readouterr().out
    assert words in printed
    assert ("processor: trained on another, found" in printed) is bool(machine)
    assert name in printed
    assert mtl(copied, "reproduce", tag, "--tolerance", "0.5", "--json") == (0 if machine and change < 1 else 4)
    assert len(json.loads(capfd.readouterr().out)["metrics"]) == len(metrics)


def test_everything_that_is_missing_is_named(
    whole: Whole, copied: Path, fake_stages: Fake, capfd: pytest.CaptureFixture[str]
) -> None:
    """Data in no cache and no remote, and code whose changes no experiment recorded."""
    tag = whole.first.version
    code = provenance_of(copied, tag).code
    assert code is not None
    fake_stages(code="0" * 32)
    shutil.rmtree(copied / ".dvc" / "cache")
    (copied / "data" / "tiny.csv").write_text("changed")
    rewrite(copied, tag, code=CodeRevision(revision=code.revision, changed=("flows/own.py", "params.yaml")))
    assert mtl(copied, "reproduce", tag) == NotReproducible.exit_code
    error = capfd.readouterr().err
    assert f"{tag} cannot be reproduced here, found 2 missing" in error
    for words in (
        "DVC's cache does not have them",
        "has other files",
        "add a DVC remote",
        "code of the stages train: found another than at the training",
        "uncommitted changes of flows/own.py are not in this clone: no experiment recorded them",
    ):
        assert words in error
    experiment = Experiment(name="tiny-1", revision="c" * 40)
    rewrite(copied, tag, code=CodeRevision(revision=code.revision, changed=("own.py",), experiment=experiment))
    mtl(copied, "reproduce", tag)
    assert "`dvc exp pull REMOTE tiny-1` fetches them" in capfd.readouterr().err
    rewrite(copied, tag, code=code)
    mtl(copied, "reproduce", tag)
    assert "install the Trunkline that trained it" in capfd.readouterr().err


def test_data_that_were_not_pinned_are_copied_from_the_working_tree(
    whole: Whole, copied: Path, fake_stages: Fake, capfd: pytest.CaptureFixture[str]
) -> None:
    tag = whole.first.version
    files = provenance_of(copied, tag).files
    fake_stages()
    rewrite(copied, tag, files=files | {"data.dvc": files["data.dvc"].replace("md5: ", "md5: 0", 1)})
    shutil.rmtree(copied / ".dvc" / "cache")
    del files["data.dvc"]
    rewrite(copied, tag, files=files)
    assert mtl(copied, "reproduce", tag) == 0
    assert "the graph has the same bytes" in capfd.readouterr().out
    (copied / "data" / "tiny.csv").write_text("changed")
    assert mtl(copied, "reproduce", tag) == NotReproducible.exit_code


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (None, "must have a provenance"),
        ({"code": None, "data": None}, "trained outside of a git repository\n  data: the run did not record"),
        ({"code": CodeRevision(revision="d" * 40)}, f"git commit {'d' * 40}: not in this clone"),
    ],
)
def test_a_version_without_provenance_or_commit_is_not_reproduced(
    whole: Whole, copied: Path, capfd: pytest.CaptureFixture[str], change: dict[str, Any] | None, words: str
) -> None:
    tag = whole.first.version
    if change is None:
        (store_of(copied).path(tag) / "provenance.json").unlink()
    else:
        rewrite(copied, tag, **change)
    assert mtl(copied, "reproduce", tag) == NotReproducible.exit_code
    assert words in capfd.readouterr().err
    assert not (Layout(copied).reproduction / "clone").exists()


def test_a_failing_stage_ends_with_its_error(
    whole: Whole, copied: Path, fake_stages: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_stages(graph=b"other")

    def fail(folder: Path) -> None:
        raise StageFailed("stage check: data", DataError.exit_code)

    monkeypatch.setattr(run_module, "_check", fail)
    assert mtl(copied, "reproduce", whole.first.version) == DataError.exit_code


def test_a_folder_with_files_and_a_second_command_are_refused(
    whole: Whole, copied: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert mtl(copied, "reproduce", "champion", "--into", str(copied)) == ToolError.exit_code
    assert "must be a new or empty folder" in capfd.readouterr().err
    with exclusive_command(Layout(copied).reproduction / "run.lock", "mtl reproduce"):
        assert mtl(copied, "reproduce", "champion") == RunInProgress.exit_code
    assert "or with --into FOLDER" in capfd.readouterr().err


def test_the_commit_of_the_experiment_is_used_only_where_stored_files_do_not_suffice(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    commits = []
    for number in range(2):
        (tmp_path / "code.py").write_text(str(number))
        git(tmp_path, "add", "--all")
        git(tmp_path, "commit", "--quiet", "--message", "a commit")
        commits.append(git_output(tmp_path, "rev-parse", "HEAD") or "")
    base, recorded = commits
    stored = frozenset({"params.yaml", "dvc.lock"})

    def find(changed: tuple[str, ...], experiment: str | None, folder: str = "") -> tuple[str, tuple[str, ...]]:
        saved = Experiment(name="tiny-1", revision=experiment) if experiment else None
        code = CodeRevision(revision=base, folder=folder, changed=changed, experiment=saved)
        return find_revision(tmp_path, code, stored)

    assert find((), recorded) == (base, ())
    assert find(("params.yaml",), recorded) == (base, ())
    assert find(("sub/params.yaml",), recorded, "sub") == (base, ())
    assert find(("code.py", "params.yaml"), recorded) == (recorded, ())
    assert find(("code.py",), None) == (base, ("code.py",))
    assert find(("code.py",), "e" * 40) == (base, ("code.py",))
