"""DVC's commands on a problem: an edit re-runs the stages that depend on it, and no others."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from flows.pipeline.graph import DIGESTS, STAGES
from tests.flows.conftest import git, replace_text

ROOT = Path(__file__).parents[2]


def test_an_edit_runs_the_stages_that_depend_on_it(copied: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for package in ("flows", "mtl_core", "serving"):
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    params = copied / "params.yaml"
    environment = os.environ | {"PYTHONPATH": str(source)}

    def dvc(*arguments: str) -> str:
        run = subprocess.run(["dvc", *arguments], cwd=copied, env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def ran(*arguments: str) -> list[str]:
        return re.findall(r"Running stage '(\w+)'", dvc(*arguments))

    def outdated() -> set[str]:
        """The stages whose own dependencies have changed, after an update of the digests."""
        subprocess.run(["mtl", "stage", DIGESTS], cwd=copied, env=environment, check=True)
        return set(re.findall(r"^(\w+):$", dvc("status"), re.MULTILINE)) - {DIGESTS}

    assert ran("repro") == [DIGESTS]
    gates, quarantine = source / "mtl_core" / "gates.py", source / "mtl_core" / "validation" / "part.py"
    original = quarantine.read_bytes()
    for edited in (gates, quarantine):
        edited.write_bytes(edited.read_bytes() + b"# edited\n")
    assert outdated() == {"validate", "check"}
    quarantine.write_bytes(original)

    replace_text(copied, "target: spend", "target: score")
    assert outdated() == set(STAGES) - {DIGESTS}
    replace_text(copied, "target: score", "target: spend")

    assert ran("repro") == [DIGESTS, "check"]  # checks.json has not changed, so no other stage runs
    git(copied, "add", "--all")
    git(copied, "commit", "--quiet", "--message", "the state before the experiment")
    weights = copied / "artifacts" / "training" / "model.safetensors"
    before = weights.read_bytes()
    assert ran("exp", "run", "--name", "heavier", "--set-param", "+tasks.spend.weight=2.0") == [
        DIGESTS,
        "train",
        "export",
        "check",
        "report",
    ]
    assert "weight: 2.0" in params.read_text(encoding="utf-8")
    assert weights.read_bytes() != before
    assert "tasks.spend.weight" in dvc("params", "diff")
    assert "test.spend.mae" in dvc("metrics", "show")
    assert "index.html" in dvc("plots", "show", "--out", "artifacts/plots")
    assert "heavier" in dvc("exp", "list")
    assert ran("repro") == [DIGESTS]
