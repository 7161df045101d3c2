"""The built wheel works outside of any checkout, and what describes the package agrees."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
SOURCES = ("flows", "mtl_core", "serving")
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT: dict[str, Any] = PYPROJECT["project"]


def read_yaml(path: str) -> Any:
    return YAML(typ="safe", pure=True).load((ROOT / path).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the built wheel is installed, without its dependencies."""
    work = tmp_path_factory.mktemp("package")
    source, site = work / "source", work / "site"
    for name in SOURCES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(work), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = work.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True, capture_output=True)
    return site


def test_the_wheel_has_every_file_of_the_packages(installed: Path) -> None:
    tracked = subprocess.run(["git", "ls-files", *SOURCES], cwd=ROOT, check=True, capture_output=True, text=True)
    missing = [name for name in tracked.stdout.splitlines() if not (installed / name).exists()]
    assert missing == []


def test_a_problem_is_declared_retrained_and_served_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    size = rng.normal(size=600)
    table = {"size": size, "colour": rng.choice(["red", "blue"], 600), "price": 3 * size + rng.normal(size=600)}
    pyarrow.csv.write_csv(pa.table(table | {"sold": (size > 0).astype(int)}), tmp_path / "houses.csv")
    path = f"{installed / 'bin'}{os.pathsep}{os.environ['PATH']}"
    variables = os.environ | {"PATH": path, "PYTHONPATH": str(installed), "HOME": str(tmp_path)}

    def mtl(*arguments: str) -> str:
        command = [str(installed / "bin" / "mtl"), *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    where = [sys.executable, "-c", "import flows, mtl_core, serving; print(flows.__file__, serving.__file__)"]
    imported = subprocess.run(where, cwd=tmp_path, env=variables, capture_output=True, text=True, check=True)
    assert imported.stdout.count(str(installed)) == 2
    mtl("init", "houses.csv", "--tasks", "sold,price", "-C", "houses")
    params = tmp_path / "houses" / "params.yaml"
    document = YAML(pure=True)
    declared = document.load(params)
    declared["training"]["epochs"] = 8
    document.dump(declared, params)
    mtl("profile", "-C", "houses")
    assert '"promoted": true' in mtl("retrain", "--json", "-C", "houses")
    answers = mtl("demo", "-C", "houses")
    assert "sold" in answers
    assert "price" in answers


def test_versions_agree() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert PROJECT["version"] == newest[1] == read_yaml("CITATION.cff")["version"]


def test_supported_versions_of_python_agree() -> None:
    """The oldest is what types and syntax are checked for; the public workflow runs the oldest and the newest."""
    prefix = "Programming Language :: Python :: 3."
    minors = sorted(int(name.removeprefix(prefix)) for name in PROJECT["classifiers"] if name.startswith(prefix))
    oldest, newest = f"3.{minors[0]}", f"3.{minors[-1]}"
    assert PROJECT["requires-python"] == f">={oldest}"
    assert PYPROJECT["tool"]["mypy"]["python_version"] == oldest
    assert PYPROJECT["tool"]["ruff"]["target-version"] == "py" + oldest.replace(".", "")
    assert read_yaml(".github/workflows/ci.yml")["jobs"]["test"]["strategy"]["matrix"]["python"] == [oldest, newest]
    searched = re.search(r"^PYTHON \?= (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert searched is not None
    assert {f"python3.{minor}" for minor in minors} <= set(searched[1].split())


def test_hooks_run_the_same_checks_as_make() -> None:
    (local,) = read_yaml(".pre-commit-config.yaml")["repos"]
    targets = {hook["entry"] for hook in local["hooks"]}
    assert targets == {"make format", "make lint"}
