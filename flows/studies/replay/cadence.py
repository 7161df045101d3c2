"""A cadence of a replay: a problem's folder in which months arrive one by one, by the commands of the command line."""

import io
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from flows.draft.folder import init_dvc, init_git, write_folder
from flows.environment import variable
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

    def create(self, source: Path, params: str, files: Sequence[Path], suite: str) -> None:
        """Write the folder of a problem with these part files, unless it is there.

        Args:
            source: the user's problem.
            params: the text of its params.yaml, see `replay_params`.
            suite: the text of its expectation suite.
        """
        if not (self.path / PARAMS).exists():
            shutil.rmtree(self.path, ignore_errors=True)
            self.path.mkdir(parents=True)
            init_git(self.path)  # of its own: the user's repositories, around this folder, are not touched
            init_dvc(self.path)
            problem, parts = load_problem(source), {self.path / DATA / file.name: file for file in files}
            write_text(suite_path(self.path, problem), suite)
            with without_user_config(self.path):
                write_folder(self.path, parts, DATA, params, problem.name)

    def ingest(self, part: Path) -> None:
        """Add the part of a month; raises ToolError if it is refused."""
        self.run("ingest", str(part))

    def validate(self) -> None:
        """Bring the stage `validate` up to date, which quarantines rows; its output goes to the folder's LOG."""
        with without_user_config(self.path), self.logged_stdout(), exclusive_run(self.path):
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
        environment |= {"PREFECT_API_URL": self.server, **_dvc_variables(self.path)}
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

    @contextmanager
    def logged_stdout(self) -> Iterator[None]:
        """Append stdout to the LOG, also that of child processes."""
        sys.stdout.flush()
        stdout = os.dup(1)
        try:
            with (self.path / LOG).open("ab") as log:
                os.dup2(log.fileno(), 1)
            yield
        finally:
            sys.stdout.flush()
            os.dup2(stdout, 1)
            os.close(stdout)


def _dvc_variables(folder: Path) -> dict[str, str]:
    """Variables that hide DVC's configuration of the user and of the machine.

    It may name a remote, to which an ingest would push the months, and a shared cache.
    """
    home = str(folder / "no-dvc-config")
    return {"DVC_GLOBAL_CONFIG_DIR": home, "DVC_SYSTEM_CONFIG_DIR": home}


@contextmanager
def without_user_config(folder: Path) -> Iterator[None]:
    """Hide the user's configuration of DVC from this process for a block, see `_dvc_variables`."""
    with ExitStack() as stack:
        for name, value in _dvc_variables(folder).items():
            stack.enter_context(variable(name, value))
        yield


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
