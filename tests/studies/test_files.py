"""Files of studies: a round trip, and the error of a file that is not such a study."""

from pathlib import Path

import pytest

from mtl_core.errors import DataError
from mtl_core.frozen import Frozen
from mtl_core.numbers import Number, finite_or_none
from mtl_core.studies.files import read_study, write_study


class Counts(Frozen):
    numbers: dict[str, Number]


def test_a_written_study_reads_back_with_undefined_numbers_as_none(tmp_path: Path) -> None:
    path = tmp_path / "studies" / "counts.json"
    assert read_study(path, Counts) is None
    study = Counts(numbers={"a": 1.5, "b": finite_or_none(float("nan")), "c": finite_or_none(float("inf"))})
    write_study(path, study)
    assert read_study(path, Counts) == study
    assert study.numbers == {"a": 1.5, "b": None, "c": None}


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "the whole"),
        ("{", "the whole"),
        ("[]", "the whole"),
        ('{"numbers": {"a": "x"}}', "numbers.a"),
        ('{"numbers": {}, "more": 1}', "more"),
    ],
)
def test_a_file_that_is_not_such_a_study_is_refused_with_the_field(tmp_path: Path, text: str, field: str) -> None:
    path = tmp_path / "counts.json"
    path.write_text(text)
    with pytest.raises(DataError, match=rf"counts\.json: .* found at {field}: .*remove the file"):
        read_study(path, Counts)
