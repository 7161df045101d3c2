"""A cadence of a replay: a problem's folder in which months arrive one by one, by the commands of the command line."""

import io
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from flows.draft.folder import init_dvc, init_git, write_folder
from flows.layout import Layout
from flows.pipeline.graph import DIGESTS, bring_up_to_date
from flows.running import exclusive_run
from mtl_core.config import PARAMS, Problem, TimeSplit, load_problem
from mtl_core.errors import CheckFailed, PromotionRefused, ToolError
from mtl_core.files import write_text
from mtl_core.validation.suite import suite_path
from serving.store import Store

DATA = "data/months"
FOREIGN = ("BENTOML_HOME", "PREFECT_HOME", "TRUNKLINE_LOG", "TRUNKLINE_SERVICE_URL", "TRUNKLINE_STORE_REMOTE")
"""Variables of the user's own store, service and logs, which a replay must not touch."""
LOG, LOG_LINES = "replay.log", 15
COMMAND = "from serving.lifeline import end_with_parent; end_with_parent(); from flows.cli import main; main()"
"""`mtl`, which ends with the replay even if that is killed."""


@dataclass(frozen=True)
class CadenceFolder:
    """The folder, which is a problem of its own with its own store."""

    path: Path
    server: str
    """URL of the API of the Prefect server that its flow runs report to."""

    @property
    def store(self) -> Store:
        """Its model store."""
        return Store(Layout(self.path).store)

    @property
    def problem(self) -> Problem:
        """Its problem."""
        return load_problem(self.path)

    def create(self, source: Path, params: str, files: Sequence[Path], *, keep_suite: bool) -> None:
        """Write the folder of a problem with these part files, unless it is there.

        Args:
            source: the user's problem.
            params: the text of its params.yaml, see `replay_params`.
            keep_suite: use its expectation suite; else one is profiled from these parts.
        """
        if not (self.path / PARAMS).exists():
            shutil.rmtree(self.path, ignore_errors=True)
            self.path.mkdir(parents=True)
            init_git(self.path)  # of its own: the user's repositories, around this folder, are not touched
            init_dvc(self.path)
            problem, parts = load_problem(source), {self.path / DATA / file.name: file for file in files}
            if keep_suite:
                suite = suite_path(source, problem).read_text(encoding="utf-8")
                write_text(suite_path(self.path, problem), suite)
            write_folder(self.path, parts, DATA, params, problem.name)
        if not suite_path(self.path, self.problem).exists():
            self.run("profile")

    def ingest(self, part: Path) -> None:
        """Add the part of a month; raises ToolError if it is refused."""
        self.run("ingest", str(part))

    def validate(self) -> None:
        """Bring the stage `validate` up to date, which quarantines rows."""
        with exclusive_run(self.path):
            for stage in (DIGESTS, "validate"):
                bring_up_to_date(self.path, stage)

    def retrain(self) -> tuple[float, float]:
        """`mtl retrain`; returns its wall time and processor time in seconds.

        A refused candidate is an outcome, which the store records; any other failure is a ToolError.
        """
        start, processor_start = time.perf_counter(), _processor_seconds()
        self.run("retrain", accepted=(0, PromotionRefused.exit_code, CheckFailed.exit_code))
        return time.perf_counter() - start, _processor_seconds() - processor_start

    def run(self, *arguments: str, accepted: Sequence[int] = (0,)) -> None:
        """Run `mtl` with these arguments in the folder; its output goes to the folder's LOG."""
        log = self.path / LOG
        environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        environment["PREFECT_API_URL"] = self.server
        command = [sys.executable, "-c", COMMAND, *arguments, "-C", str(self.path)]
        with log.open("ab") as output:
            output.write(f"$ mtl {' '.join(arguments)}\n".encode())
            output.flush()
            code = subprocess.run(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
            ).returncode
        if code not in accepted:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
            raise ToolError(
                f"replay: `mtl {' '.join(arguments)}` ended with code {code} in {self.path}; the last lines of {log}:\n"
                + "\n".join(f"  {line}" for line in lines)
            )


def replay_params(source: Path, split: TimeSplit, *, limits: bool = True) -> str:
    """params.yaml of the problem for a replay: its data are the months, its split has durations.

    Without `store`, `gates.approval` and `gates.max_age`: nothing is deleted, nobody is asked, and no time passes.

    Args:
        split: with durations, in place of its own.
        limits: False to leave out `gates.metrics`.
    """
    yaml = YAML()
    document: Any = yaml.load(source / PARAMS)
    document["data"]["path"] = DATA
    document["split"] = {"by": "time", "column": split.column, **split.starts}
    document.pop("store", None)
    for option in ("approval", "max_age", *(() if limits else ("metrics",))):
        (document.get("gates") or {}).pop(option, None)
    text = io.StringIO()
    yaml.dump(document, text)
    return text.getvalue()


def _processor_seconds() -> float:
    """User and system time of the child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
