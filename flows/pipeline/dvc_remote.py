"""Pull from a DVC remote, with the causes of a failure."""

import logging
from pathlib import Path
from typing import Any

from flows.system_failure import system_failure
from mtl_core.errors import ToolError


def pull(repo: Any, target: Path, remote: str) -> None:
    """Pull the output of a .dvc file from the default remote; raises ToolError with the cause and the fix.

    DVC logs the cause, such as wrong credentials, and raises an error without it.
    """
    causes = _Causes(logging.WARNING)
    loggers = [logging.getLogger(name) for name in ("dvc", "dvc_data", "dvc_objects")]
    for logger in loggers:
        logger.addHandler(causes)
        logger.propagate = False
    try:
        repo.pull(str(target))
    except Exception as error:  # the libraries of the remotes have exceptions of their own
        if system_failure(error) is not None:
            raise
        lines = "; ".join(" ".join(line.split()) for line in dict.fromkeys(causes.lines or [str(error)]))
        raise ToolError(
            f"DVC remote {remote}, {repo.config['remote'][remote].get('url')}: must have the data of {target.name}, "
            f"found: {lines}. Check its address (`dvc remote list`), the credentials, and that `dvc push` has been run"
        ) from error
    finally:
        for logger in loggers:
            logger.removeHandler(causes)
            logger.propagate = True


class _Causes(logging.Handler):
    """Errors that are logged, instead of their tracebacks in the terminal."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self.lines.append(f"{type(error).__name__}: {error}" if error else record.getMessage())
