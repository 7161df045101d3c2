"""A problem's name, read even where the rest of its file is invalid."""

from pathlib import Path

import pytest

from mtl_core.config import load_problem
from mtl_core.config.document import problem_name
from mtl_core.errors import ProblemError

ROOT = Path(__file__).parents[2]


def test_it_is_the_name_of_the_loaded_problem() -> None:
    assert problem_name(ROOT) == load_problem(ROOT).name == "flights"


def test_the_rest_of_the_file_may_be_invalid(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("name: customers-2\ntasks: 1\n")
    assert problem_name(tmp_path) == "customers-2"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "name:", "name: 3", "name: Flights", "name: ../up", 'name: "a\\n"', "name: [a]", f"name: {'a' * 64}"],
)
def test_an_invalid_name_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ProblemError, match=r"params\.yaml: name must be a lowercase letter, .*found .*`mtl check`"):
        problem_name(tmp_path)
