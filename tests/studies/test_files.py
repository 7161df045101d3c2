"""The files of studies: what is read is what was written, and anything else is refused with its name."""

from pathlib import Path

import pytest

from mtl_core.errors import DataError
from mtl_core.frozen import Frozen
from mtl_core.numbers import Number, defined
from mtl_core.studies.files import read_study, write_study


class Counted(Frozen):
    numbers: dict[str, Number]


def test_a_study_is_read_as_it_was_written(tmp_path: Path) -> None:
    study = Counted(numbers={"a": 1.5, "b": defined(float("nan")), "c": defined(float("inf"))})
    write_study(tmp_path / "studies" / "counted.json", study)
    assert read_study(tmp_path / "studies" / "counted.json", Counted) == study
    assert study.numbers == {"a": 1.5, "b": None, "c": None}


def test_no_file_is_no_study(tmp_path: Path) -> None:
    assert read_study(tmp_path / "counted.json", Counted) is None


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "the whole"),
        ("{", "the whole"),
        ("[]", "the whole"),
        ('{"numbers": {"a": "x"}}', "numbers.a"),
        ('{"numbers": {}, "more": 1}', "more"),
    ],
)
def test_what_is_no_such_study_is_refused_by_name(tmp_path: Path, text: str, where: str) -> None:
    path = tmp_path / "counted.json"
    path.write_text(text)
    with pytest.raises(DataError, match=rf"counted\.json: must be a study.*found at {where}: .*remove the file"):
        read_study(path, Counted)
