"""DVC's own commands as a person runs them: an edit runs what uses it, and nothing else."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from flows.pipeline.graph import DIGESTS, STAGES
from tests.flows.conftest import Whole, git

ROOT = Path(__file__).parents[2]


def test_an_edit_runs_what_uses_it_and_nothing_else(whole: Whole, tmp_path: Path) -> None:
    folder, source = tmp_path / "tiny", tmp_path / "source"
    shutil.copytree(whole.folder, folder, symlinks=True)
    for package in ("flows", "mtl_core", "serving"):
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    params = folder / "params.yaml"
    declared = params.read_text(encoding="utf-8")

    environment = os.environ | {"PYTHONPATH": str(source)}

    def dvc(*arguments: str) -> str:
        run = subprocess.run(["dvc", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def ran(*arguments: str) -> list[str]:
        return re.findall(r"Running stage '(\w+)'", dvc(*arguments))

    def outdated() -> set[str]:
        """The stages that would run for a reason of their own, once the digests are renewed."""
        subprocess.run(["mtl", "stage", DIGESTS], cwd=folder, env=environment, check=True)
        return set(re.findall(r"^(\w+):$", dvc("status"), re.MULTILINE)) - {DIGESTS}

    assert ran("repro") == [DIGESTS]
    gates, quarantine = source / "mtl_core" / "gates.py", source / "mtl_core" / "validation" / "part.py"
    original = quarantine.read_bytes()
    for edited in (gates, quarantine):
        edited.write_bytes(edited.read_bytes() + b"# edited\n")
    assert outdated() == {"validate", "check"}
    quarantine.write_bytes(original)

    changed = declared.replace("target: spend", "target: score")
    assert changed != declared
    params.write_text(changed, encoding="utf-8")
    assert outdated() == set(STAGES) - {DIGESTS}
    params.write_text(declared, encoding="utf-8")

    assert ran("repro") == [DIGESTS, "check"]  # checks.json is the same, whatever was measured
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "the state before the experiment")
    weights = folder / "artifacts" / "training" / "model.safetensors"
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
