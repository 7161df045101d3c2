"""Paths of everything generated in a problem's folder; each has one owner, the stage that writes it."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Layout"]


@dataclass(frozen=True)
class Layout:
    """Paths below a problem's folder."""

    folder: Path

    @property
    def artifacts(self) -> Path:
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
        """A file for each process whose children end with it."""
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
        return self.artifacts / "validation"

    @property
    def quarantine(self) -> Path:
        return self.validation / "quarantine.parquet"

    @property
    def encoded(self) -> Path:
        return self.artifacts / "encoded"

    @property
    def encoder(self) -> Path:
        return self.encoded / "encoder.json"

    @property
    def training(self) -> Path:
        return self.artifacts / "training"

    @property
    def weights(self) -> Path:
        return self.training / "model.safetensors"

    @property
    def history(self) -> Path:
        return self.training / "history.json"

    @property
    def resume(self) -> Path:
        """Checkpoints of a training under way."""
        return self.state / "resume"

    @property
    def graph(self) -> Path:
        return self.artifacts / "model" / "model.onnx"

    @property
    def signature(self) -> Path:
        return self.graph.with_name("signature.json")

    @property
    def latency(self) -> Path:
        """Measured times of the graph; no output of a stage, since they differ from run to run."""
        return self.artifacts / "latency.json"

    @property
    def checks(self) -> Path:
        return self.artifacts / "checks.json"

    @property
    def metrics(self) -> Path:
        return self.artifacts / "metrics.json"

    @property
    def evaluation(self) -> Path:
        """Test metrics with intervals, next to the baseline's."""
        return self.artifacts / "evaluation.json"

    @property
    def predictions(self) -> Path:
        return self.artifacts / "predictions.parquet"

    @property
    def studies(self) -> Path:
        """Results of several trainings; not an output of any stage, and kept in git."""
        return self.folder / "studies"

    @property
    def relatedness(self) -> Path:
        return self.studies / "relatedness.json"

    @property
    def comparison(self) -> Path:
        return self.studies / "comparison.json"

    @property
    def tuning(self) -> Path:
        return self.studies / "tuning.json"

    @property
    def report(self) -> Path:
        return self.artifacts / "report.html"
