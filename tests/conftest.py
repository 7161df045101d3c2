"""A tiny table and the problem that `mtl init` drafts from it."""

import csv
import math
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.s3 import S3Server, running_s3

ROWS = 600
SMALL = {
    "model: {}\n": (
        "model:\n  members: 1\n  embedding: 16\n  trunk: {kind: shared_bottom, widths: [16], dropout: 0.1}\n"
        "  head: {width: 64, dropout: 0.1}\n"
    ),
    "  seed: 0\n": (
        "  seed: 0\n  epochs: 4\n  batch_size: 32\n  learning_rate: 0.02\n  threads: 1\n"
        "  balancing: {method: mean}\n  stopping: {policy: hold, patience: 3}\n"
    ),
}
"""Text that `mtl init` writes -> text of a problem that trains in a second, independent of the defaults. One thread:
more threads than free cores wait for each other at every operation.
"""


def write_table(path: Path, rows: int = ROWS, seed: int = 0) -> Path:
    """A CSV with unusual names, missing values, an id, a date, and three learnable targets: churned, spend, tier."""
    draw = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(
            ["customer id", "joined", "plan: type", "visits", "Größe", "score", "always", "churned", "spend", "tier"]
        )
        for row in range(rows):
            visits, plan = draw.randint(0, 40), draw.choice(["basic", "pro", "a,b"])
            spend = 5 * visits + (60 if plan == "pro" else 0) + draw.gauss(0, 8)
            churned = draw.random() < 1 / (1 + math.exp((20 - visits) / 4))
            score = "NA" if row % 17 == 0 else f"{draw.random():.3f}"
            out.writerow(
                [
                    *(f"c{row}", f"2024-{1 + row * 12 // rows:02}-{1 + row % 28:02}", plan, visits, draw.randint(1, 4)),
                    *(score, 1, "yes" if churned else "no", "" if row % 10 == 0 else f"{spend:.2f}"),
                    "low" if spend < 90 else "mid" if spend < 170 else "high",
                ]
            )
    return path


def forget_homes() -> None:
    """As at the start of a process: the command line sets the tools' homes once, for the folder it acts on."""
    for name in ("BENTOML_HOME", "PREFECT_HOME"):
        os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def unset_homes() -> Iterator[None]:
    """Each test may act on another folder, and its child processes inherit nothing from the test before it."""
    forget_homes()
    yield
    forget_homes()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """An S3 server for the whole session."""
    with running_s3() as server:
        yield server


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of a new bucket; clients in this process and its children reach the server."""
    import fsspec

    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{os.urandom(4).hex()}"
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir(bucket)
    return f"s3://{bucket}"


@pytest.fixture(scope="session")
def tools() -> Iterator[None]:
    """The tools' environment as the command line prepares it, with no state of the user's; undone afterwards."""
    from flows.environment import prepare_environment

    before = dict(os.environ)
    for name in ("BENTOML_HOME", "PREFECT_HOME", "PREFECT_API_URL", "TRUNKLINE_SERVICE_URL"):
        os.environ.pop(name, None)
    prepare_environment(Path())
    forget_homes()
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def tiny_problem(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A problem's folder as `mtl init` and `mtl profile` leave it, small enough to train in a second."""
    from flows.cli import main

    folder = tmp_path_factory.mktemp("problems") / "tiny"
    table = write_table(folder.with_suffix(".csv"))

    def run(*arguments: str) -> None:
        with pytest.raises(SystemExit) as exit_info:
            main([*arguments, "-C", str(folder)])
        assert exit_info.value.code == 0

    run("init", str(table), "--tasks", "churned,spend,tier")
    params = folder / "params.yaml"
    text = params.read_text(encoding="utf-8")
    # With so few rows the network would overfit the date, on which the labels do not depend.
    for old, new in {**SMALL, "  joined: {kind: datetime}\n": ""}.items():
        assert old in text
        text = text.replace(old, new)
    params.write_text(text.partition("\n# Search space")[0], encoding="utf-8")
    run("profile")
    forget_homes()
    return folder


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run tests/flows first with several processes: one process runs them all, so they should start early.

    They are not measured: coverage is of mtl_core and serving, and doubles the time of the Python code of others.
    """
    for item in items:
        if item.nodeid.startswith("tests/flows/"):
            item.add_marker(pytest.mark.no_cover)
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith("tests/flows/"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Assign each file to one process, and all of tests/flows to one, since their fixtures take a minute."""
    from xdist.scheduler import LoadFileScheduling

    class FlowsTogether(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "tests/flows" if nodeid.startswith("tests/flows/") else super()._split_scope(nodeid)

    return FlowsTogether(config, log)
