"""Environment variables of the tools: no telemetry, and their state inside the problem's folder."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.layout import Layout
from flows.logs import is_json

_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "BENTOML_DO_NOT_TRACK": "True",  # the word; BentoML does not understand 1
    "DVC_NO_ANALYTICS": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # its first start migrates a database
    "OMP_WAIT_POLICY": "PASSIVE",  # spinning threads are slow where other processes use the cores
    "GOMP_SPINCOUNT": "0",
}

_JSON_LOGS = {
    "PREFECT_LOGGING_FORMATTERS_STANDARD_": "flows.logs.JsonFormatter",  # its option is called "()"
    "PREFECT_LOGGING_COLORS": "false",
}


def prepare_environment(folder: Path) -> None:
    """Set the tools' variables, except those that the user has set; call before any tool is imported.

    Child processes must find the `mtl` and `dvc` of this interpreter, so its folder comes first on PATH.
    """
    layout = Layout(folder.resolve())
    homes = {"PREFECT_HOME": str(layout.prefect), "BENTOML_HOME": str(layout.store)}
    for name, value in (_DEFAULTS | homes | (_JSON_LOGS if is_json() else {})).items():
        os.environ.setdefault(name, value)
    programs = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if path[0] != programs:
        os.environ["PATH"] = os.pathsep.join([programs, *path])


def prepare_prefect() -> None:
    """Create Prefect's home, and keep its log off the terminal, where the stages print; call before importing it.

    Structured logs have its lines.
    """
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "INFO" if is_json() else "CRITICAL")
    Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Set an environment variable for a block, also for its child processes."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def store_home(folder: Path) -> Path:
    """Path of a problem's model store: BENTOML_HOME where the user has set it, else in the problem's folder."""
    return Path(os.environ.get("BENTOML_HOME") or Layout(folder).store)
