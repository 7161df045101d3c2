"""`params.yaml` as a file: safe YAML 1.2, or a ProblemError with the file and the line."""

from datetime import date
from pathlib import Path

import pytest

from mtl_core.config import PARAMS, TimeSplit, load_problem
from mtl_core.errors import ProblemError

VALID = """\
name: orders
data: {path: data}
split: {by: time, column: day, validation: 2024-02-01, test: "2024-03-01"}
features:
  amount: {kind: numeric}
tasks:
  returned: {kind: binary, target: answer, positive: yes}
  country: {kind: multiclass, target: land, classes: [no, "off", on]}
"""

REFUSED = {
    "empty": ("", "must be a mapping with name, data, split, features, tasks; found None"),
    "a list": ("- name", "must be a mapping with name, data, split, features, tasks; found ['name']"),
    "a key twice": ("name: a\nname: b", 'must be YAML, found: line 2: found duplicate key "name"'),
    "a feature twice": (
        "name: a\nfeatures:\n  x: {kind: numeric}\n  x: {kind: categorical}",
        'must be YAML, found: line 4: found duplicate key "x"',
    ),
    "a python object": ("name: !!python/object/apply:os.getcwd []", "must be YAML, found: line 1: could not determine"),
    "a tag": ("\nname: !mine x", "must be YAML, found: line 2: could not determine a constructor for the tag '!mine'"),
    "two documents": ("name: a\n---\nname: b", "must be YAML, found: line 2: but found another document"),
    "a tab": ("data:\n\tpath: x", "must be YAML, found: line 2: found character '\\t'"),
    "an open bracket": ("features: [", "must be YAML, found: line 1"),
    "an undefined alias": ("name: *x", "must be YAML, found: line 1: found undefined alias 'x'"),
    "a key that is a mapping": ("? {a: b}\n: 1", "must be YAML, found: line 1"),
    "a month of 13": ("name: 2024-13-01", "must be YAML, found: month must be in 1..12"),
    "a number of 5,000 digits": ("name: " + "1" * 5_000, "must be YAML, found: Exceeds the limit"),
    "an invalid boolean": ("name: !!bool abc", "must be YAML, found: 'abc'"),
    "too deep": ("name: " + "[" * 1_500, "must be YAML, found: "),
    "a null character": ("name: a\0", "must be YAML, found: unacceptable character"),
    "not UTF-8": (b"\x89PNG\r\n\x1a\n\x00\xff", "must be YAML, found: 'utf-8' codec can't decode byte 0x89"),
    "a recursive feature": ("features: &f\n  x: *f", "5 errors"),
}


@pytest.mark.parametrize(("content", "error"), REFUSED.values(), ids=REFUSED)
def test_an_invalid_file_is_refused(tmp_path: Path, content: str | bytes, error: str) -> None:
    path = tmp_path / PARAMS
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ProblemError) as caught:
        load_problem(tmp_path)
    assert str(caught.value).startswith(f"{path}: {error}")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match=r"params\.yaml: not found; .* -C FOLDER, .*`mtl init FILE --tasks a,b`"):
        load_problem(tmp_path / "nowhere")


def test_a_folder_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / PARAMS).mkdir()
    with pytest.raises(ProblemError, match=r"params\.yaml: must be a readable file, found: Is a directory"):
        load_problem(tmp_path)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_yes_no_and_on_are_text(tmp_path: Path, mark: bytes, newline: str) -> None:
    """As in YAML 1.2; with and without a byte order mark, and with both line ends."""
    (tmp_path / PARAMS).write_bytes(mark + VALID.replace("\n", newline).encode())
    problem = load_problem(tmp_path)
    assert problem.tasks["returned"].positive == "yes"  # type: ignore[union-attr]
    assert problem.tasks["country"].classes == ("no", "off", "on")  # type: ignore[union-attr]
    assert isinstance(problem.split, TimeSplit)
    assert (problem.split.validation, problem.split.test) == (date(2024, 2, 1), "2024-03-01")


def test_true_is_a_boolean(tmp_path: Path) -> None:
    (tmp_path / PARAMS).write_text(VALID.replace("positive: yes", "positive: true"))
    assert load_problem(tmp_path).tasks["returned"].positive is True  # type: ignore[union-attr]
