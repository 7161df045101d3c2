"""Paths of everything generated in a problem's folder; each has one owner, the stage that writes it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """Paths below a problem's folder."""

    folder: Path

    @property
    def artifacts(self) -> Path:
        """Outputs of all stages."""
        return self.folder / "artifacts"

    @property
    def state(self) -> Path:
        """State of the tools; not an output of any stage."""
        return self.folder / ".trunkline"

    @property
    def run_lock(self) -> Path:
        """Held by the one command that works on the problem."""
        return self.state / "run.lock"

    @property
    def stage_lock(self) -> Path:
        """Held by the process of a stage, which may be a child of the command that holds `run_lock`."""
        return self.state / "stage.lock"

    @property
    def lifelines(self) -> Path:
        """A file per process whose children end with it."""
        return self.state / "lifelines"

    @property
    def failures(self) -> Path:
        """The last failure of each stage."""
        return self.state / "failures"

    @property
    def digests(self) -> Path:
        """Digests of the stages' code and of the declared labels."""
        return self.artifacts / "digests.json"

    @property
    def validation(self) -> Path:
        """Result, Data Docs and quarantine of the stage `validate`."""
        return self.artifacts / "validation"

    @property
    def quarantine(self) -> Path:
        """Rows that violate an expectation."""
        return self.validation / "quarantine.parquet"

    @property
    def encoded(self) -> Path:
        """The encoded splits, of the stage `prepare`."""
        return self.artifacts / "encoded"

    @property
    def encoder(self) -> Path:
        """The fitted encoder."""
        return self.encoded / "encoder.json"

    @property
    def training(self) -> Path:
        """Outputs of the stage `train`."""
        return self.artifacts / "training"

    @property
    def weights(self) -> Path:
        """Weights of the trained network."""
        return self.training / "model.safetensors"

    @property
    def history(self) -> Path:
        """Record of the training, per epoch."""
        return self.training / "history.json"

    @property
    def resume(self) -> Path:
        """Checkpoints of a running training."""
        return self.state / "resume"

    @property
    def graph(self) -> Path:
        """The exported graph, ONNX."""
        return self.artifacts / "model" / "model.onnx"

    @property
    def signature(self) -> Path:
        """Inputs and outputs of the exported graph."""
        return self.graph.with_name("signature.json")

    @property
    def latency(self) -> Path:
        """Measured times of the graph; no output of a stage, since they differ from run to run."""
        return self.artifacts / "latency.json"

    @property
    def checks(self) -> Path:
        """Outcomes of the gates."""
        return self.artifacts / "checks.json"

    @property
    def metrics(self) -> Path:
        """Metrics per task, for `dvc metrics`."""
        return self.artifacts / "metrics.json"

    @property
    def evaluation(self) -> Path:
        """Test metrics with intervals, and the baseline's."""
        return self.artifacts / "evaluation.json"

    @property
    def predictions(self) -> Path:
        """Predictions and labels of the test rows."""
        return self.artifacts / "predictions.parquet"

    @property
    def studies(self) -> Path:
        """Results of several trainings; not an output of any stage, and kept in git."""
        return self.folder / "studies"

    @property
    def relatedness(self) -> Path:
        """Study of the tasks' affinities, by `mtl relate`."""
        return self.studies / "relatedness.json"

    @property
    def comparison(self) -> Path:
        """Study of shared against single-task training, by `mtl compare`."""
        return self.studies / "comparison.json"

    @property
    def tuning(self) -> Path:
        """Study of the hyperparameter search, by `mtl tune`."""
        return self.studies / "tuning.json"

    @property
    def report(self) -> Path:
        """The report, a single HTML page."""
        return self.artifacts / "report.html"
