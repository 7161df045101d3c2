"""Expectation suite of a replay: that of the problem if its parts are months, else a profile of all months."""

from pathlib import Path

from flows.studies.replay.cadence import DATA
from flows.studies.replay.months import Months
from mtl_core.config import PARAMS, Problem, load_problem
from mtl_core.files import pending_folder, write_text
from mtl_core.validation.profile import write_profile
from mtl_core.validation.suite import suite_path


def suite_of(folder: Path, problem: Problem, months: Months, params: str, out: Path) -> str:
    """Text of the suite.

    A profile includes the months that are scored: nobody could repair its limits if one of them broke them. It sets
    limits for the validation only; no model learns from it.

    Args:
        folder: the user's problem.
        params: the text of the replay's params.yaml.
        out: folder for the profile; that of an earlier call is used.
    """
    path = suite_path(folder, problem)
    if months.monthly_parts and path.exists():
        return path.read_text(encoding="utf-8")
    if not out.exists():
        with pending_folder(out) as temporary:
            write_text(temporary / PARAMS, params)
            (temporary / DATA).mkdir(parents=True)
            for file in months.files.values():
                (temporary / DATA / file.name).symlink_to(file.resolve())
            write_profile(temporary, load_problem(temporary))
    return suite_path(out, problem).read_text(encoding="utf-8")
