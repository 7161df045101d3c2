"""The environment of the tools: quiet, private, with their state inside the problem's folder."""

import os
import sys
from pathlib import Path

from flows.layout import Layout

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "BENTOML_DO_NOT_TRACK": "True",  # the word; BentoML does not understand 1
    "DVC_NO_ANALYTICS": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}
_PATIENT = {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120"}  # its first start migrates a database
_POLITE = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}  # spinning threads collapse beside a busy neighbour


def prepare_environment(folder: Path) -> None:
    """Sets what the tools read, where the user has not set it; call before any of them is imported.

    Child processes must find the `mtl` and `dvc` of this interpreter, so its folder comes first on PATH.
    """
    state = Layout(folder.resolve()).state
    homes = {"PREFECT_HOME": str(state / "prefect"), "BENTOML_HOME": str(state / "bentoml")}
    for name, value in {**_QUIET, **_PATIENT, **_POLITE, **homes}.items():
        os.environ.setdefault(name, value)
    programs = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if path[0] != programs:
        os.environ["PATH"] = os.pathsep.join([programs, *path])


def prepare_prefect() -> None:
    """Makes Prefect's home and keeps its log out of the terminal, where the stages speak; call before importing it."""
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)


def store_home(folder: Path) -> Path:
    """Path of a problem's model store: BENTOML_HOME where the user has set it, else in the problem's folder."""
    return Path(os.environ.get("BENTOML_HOME") or Layout(folder).state / "bentoml")
