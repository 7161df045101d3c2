"""prefect.yaml: the deployments of a problem, as `prefect deploy --all` reads them."""

import re
from importlib.resources import files
from pathlib import Path

from mtl_core.config.document import problem_name
from mtl_core.errors import ProblemError

DEPLOYMENTS = "prefect.yaml"
WORK_POOL = "trunkline"
"""Work pool of all problems, of type process; each problem has a work queue with its name in it."""


def deployments_text(name: str) -> str:
    """The `prefect.yaml` of a new problem of that name."""
    template = files("flows.draft").joinpath("deployments.yaml").read_text(encoding="utf-8")
    return re.sub(r"\bNAME\b", lambda _: name, template)


def check_deployments(folder: Path) -> None:
    """Raise ProblemError without a `prefect.yaml`, as in a problem of an earlier version."""
    path = folder / DEPLOYMENTS
    if not path.is_file():
        raise ProblemError(
            f"{path}: must declare the deployments of {problem_name(folder)}, found no file; write it with "
            f"`mtl init --deployments {problem_name(folder)} > {path}`"
        )
