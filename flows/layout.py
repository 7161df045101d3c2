"""Paths of everything generated in a problem's folder; each has one owner, the stage or command that writes it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


class _RelativePath:
    """A path below the problem's folder."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __get__(self, layout: "Layout", owner: Any = None) -> Path:
        return layout.folder / self._path


@dataclass(frozen=True)
class Layout:
    """Paths below a problem's folder."""

    folder: Path

    artifacts = _RelativePath("artifacts")
    """Outputs of all stages."""
    digests = _RelativePath("artifacts/digests.json")
    """Digests of the stages' code and of the declared labels."""
    teacher = _RelativePath("artifacts/teacher")
    """The champion that teaches, see `mtl_core.teacher_files`."""
    validation = _RelativePath("artifacts/validation")
    """Result, Data Docs and quarantine of the stage `validate`."""
    quarantine = _RelativePath("artifacts/validation/quarantine.parquet")
    """Rows that violate an expectation."""
    encoded = _RelativePath("artifacts/encoded")
    """The encoded splits, of the stage `prepare`."""
    encoder = _RelativePath("artifacts/encoded/encoder.json")
    """The fitted encoder."""
    training = _RelativePath("artifacts/training")
    """Outputs of the stage `train`."""
    weights = _RelativePath("artifacts/training/model.safetensors")
    """Weights of the trained network."""
    history = _RelativePath("artifacts/training/history.json")
    """Record of the training, per epoch."""
    graph = _RelativePath("artifacts/model/model.onnx")
    """The exported graph, ONNX."""
    signature = _RelativePath("artifacts/model/signature.json")
    """Inputs and outputs of the exported graph."""
    latency = _RelativePath("artifacts/latency.json")
    """Measured times of the graph; no output of a stage, since they differ from run to run."""
    checks = _RelativePath("artifacts/checks.json")
    """Outcomes of the gates."""
    metrics = _RelativePath("artifacts/metrics.json")
    """Metrics per task, for `dvc metrics`."""
    evaluation = _RelativePath("artifacts/evaluation.json")
    """Test metrics with intervals, and the baseline's."""
    predictions = _RelativePath("artifacts/predictions.parquet")
    """Predictions and labels of the test rows."""
    report = _RelativePath("artifacts/report.html")
    """The report, a single HTML page."""

    studies = _RelativePath("studies")
    """Results of several trainings; not an output of any stage, and kept in git."""
    relatedness = _RelativePath("studies/relatedness.json")
    """Study of the tasks' affinities, by `mtl relate`."""
    comparison = _RelativePath("studies/comparison.json")
    """Study of shared against single-task training, by `mtl compare`."""
    tuning = _RelativePath("studies/tuning.json")
    """Study of the hyperparameter search, by `mtl tune`."""
    replay = _RelativePath("studies/replay.json")
    """Study of cadences of retraining, by `mtl replay`."""

    state = _RelativePath(".trunkline")
    """State of the tools; not an output of any stage."""
    store = _RelativePath(".trunkline/bentoml")
    """The model store, unless BENTOML_HOME names another: use `flows.environment.store_home`."""
    prefect = _RelativePath(".trunkline/prefect")
    """Database and log of the Prefect server, unless PREFECT_HOME names another folder."""
    run_lock = _RelativePath(".trunkline/run.lock")
    """Held by the one command that works on the problem."""
    stage_lock = _RelativePath(".trunkline/stage.lock")
    """Held by the process of a stage, which may be a child of the command that holds `run_lock`."""
    up_lock = _RelativePath(".trunkline/up.lock")
    """Held by `mtl up`."""
    lifelines = _RelativePath(".trunkline/lifelines")
    """A file per process whose children end with it."""
    failures = _RelativePath(".trunkline/failures")
    """The last failure of each stage."""
    staging = _RelativePath(".trunkline/ingest")
    """Files that `mtl ingest` is about to move into the data."""
    journal = _RelativePath(".trunkline/ingest.json")
    """The moves of `mtl ingest` that a crash must not leave half done."""
    resume = _RelativePath(".trunkline/resume")
    """Checkpoints of a running training."""
    reproduction = _RelativePath(".trunkline/reproduction")
    """Clone of `mtl reproduce`."""
    added_task = _RelativePath(".trunkline/add-task")
    """Rows, training and model of a running `mtl add-task`."""
