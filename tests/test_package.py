"""The built wheel works outside of a checkout, and the descriptions of the package agree."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.pages import missing_lines, session, steps

ROOT = Path(__file__).parents[1]
SOURCES = ("flows", "mtl_core", "serving")
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT: dict[str, Any] = PYPROJECT["project"]


def read_yaml(path: str) -> Any:
    return YAML(typ="safe", pure=True).load((ROOT / path).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed wheel, without its dependencies."""
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


def test_pages_run_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    path = f"{installed / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(installed), "HOME": str(tmp_path)}
    code = "import flows, mtl_core, serving; print(flows.__file__, mtl_core.__file__, serving.__file__)"
    with session(tmp_path / "pages", environment) as run:
        assert run.run_python(code).count(str(installed)) == 3
        for page in ("start/your-own-csv.md", "howto/serve.md", "howto/deploy.md"):
            for shown, printed, command in steps(page, run, params="wine/params.yaml"):
                assert missing_lines(shown, printed) == [], f"{page}: {command}\n{printed}"


def test_versions_agree() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert PROJECT["version"] == newest[1] == read_yaml("CITATION.cff")["version"]


def test_supported_versions_of_python_agree() -> None:
    """Types and syntax are checked for the oldest version; the public workflow runs the oldest and the newest."""
    prefix = "Programming Language :: Python :: 3."
    minors = sorted(int(name.removeprefix(prefix)) for name in PROJECT["classifiers"] if name.startswith(prefix))
    oldest, newest = f"3.{minors[0]}", f"3.{minors[-1]}"
    assert PROJECT["requires-python"] == f">={oldest}"
    assert PYPROJECT["tool"]["mypy"]["python_version"] == oldest
    assert PYPROJECT["tool"]["ruff"]["target-version"] == "py" + oldest.replace(".", "")
    assert read_yaml(".github/workflows/ci.yml")["jobs"]["test"]["strategy"]["matrix"]["python"] == [oldest, newest]
    interpreters = re.search(r"^PYTHON \?= (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert interpreters is not None
    assert {f"python3.{minor}" for minor in minors} <= set(interpreters[1].split())


def test_hooks_run_the_same_checks_as_make() -> None:
    (local,) = read_yaml(".pre-commit-config.yaml")["repos"]
    targets = {hook["entry"] for hook in local["hooks"]}
    assert targets == {"make format", "make lint"}
