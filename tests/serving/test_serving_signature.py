"""signature.json: valid and invalid contents."""

import json
import re
from pathlib import Path

import pytest

from serving.errors import ServingError, SignatureError
from serving.inputs import BooleanField, NumberField, StringField
from serving.outputs import ClassOutput, NumberOutput
from serving.signature import read_signature
from tests.serving.example_models import Export

NUMBER = {"name": "n", "kind": "regression", "form": "number", "unit": ""}
BANDS = {"name": "b", "kind": "multiclass", "form": "class_probabilities", "unit": "probability"}
GENRES = {"name": "g", "kind": "multilabel", "form": "label_probabilities", "unit": "probability"}
DELAY = {"name": "d", "kind": "quantiles", "form": "quantiles", "unit": "minutes"}
GROUP = {"name": "c", "kind": "clustering", "form": "cluster_probabilities", "unit": "probability"}

LISTS = {"name": "words", "type": "strings"}
DATETIMES = [{"name": "a", "type": "datetime"}, {"name": "b", "type": "zoned_datetime"}]
VECTOR: dict[str, object] = {"name": "v", "type": "vector"}
TOKEN = {"level": "token", "sequence": "words"}


def test_a_signature_is_read_as_written(export: Export) -> None:
    signature = read_signature(export() / "signature.json")
    carrier, distance, is_holiday = signature.inputs
    assert carrier == StringField(name="carrier")
    assert (type(distance), type(is_holiday)) == (NumberField, BooleanField)
    cancelled, band, delay = signature.outputs
    assert [type(task) for task in signature.outputs] == [NumberOutput, ClassOutput, NumberOutput]
    assert isinstance(band, ClassOutput)
    assert (cancelled.name, band.classes[1], delay.unit) == ("cancelled", "on time", "minutes")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a"},
        {"name": "flights-2013_v1.0"},
        {"name": "a" * 63},
        {"format": 2},
        {"inputs": [{"name": "größe (m²)", "type": "string"}, *DATETIMES, VECTOR | {"size": 1}]},
        {"inputs": [VECTOR | {"size": 2**20}]},
        {"outputs": [NUMBER, {**BANDS, "classes": ["no", "yes"]}, {**GENRES, "labels": ["Drama", "drama", ""]}]},
        {"outputs": [{**NUMBER, "threshold": 0}, {**GENRES, "labels": ["a", "b"], "thresholds": [0.25, 1.0]}]},
        {"outputs": [{**DELAY, "levels": [1e-9, 0.1, 0.10000001, 0.999999]}, {**GROUP, "clusters": 2}]},
        {"outputs": [{**DELAY, "levels": [0.5]}, {**NUMBER, "level": "row", "sequence": None}]},
        {"inputs": [LISTS], "outputs": [NUMBER | TOKEN, BANDS | TOKEN | {"classes": ["a", "b"]}]},
    ],
)
def test_a_valid_signature_is_read(export: Export, change: dict[str, object]) -> None:
    read_signature(export(change=change) / "signature.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 0}, "format must be 1 or 2 or 3 or 4 or 5, found 0"),
        ({"format": 6}, "format must be 1 or 2 or 3 or 4 or 5, found 6"),
        ({"format": 6, "something": "new"}, "format must be 1 or 2 or 3 or 4 or 5, found 6"),
        ({"outputs": [{**NUMBER, "threshold": 1.5}]}, "Expected `float` <= 1.0"),
        (
            {"outputs": [{**GENRES, "labels": ["a", "b"], "thresholds": [0.5]}]},
            "thresholds of g must match its 2 labels in number, found 1",
        ),
        ({"outputs": [{**BANDS, "threshold": 0.5}]}, "unknown field `threshold`"),
        ({"format": "1"}, "Expected `int`"),
        ({"something": 1}, "unknown field `something`"),
        ({"graph_sha256": "abc"}, "graph_sha256"),
        ({"name": ""}, "name must be 1 to 63"),
        ({"name": "Flights"}, "name must be 1 to 63"),
        ({"name": "../flights"}, "name must be 1 to 63"),
        ({"name": "flights:1"}, "name must be 1 to 63"),
        ({"name": "a" * 64}, "name must be 1 to 63"),
        ({"inputs": []}, "length >= 1"),
        ({"inputs": [{"name": "", "type": "number"}]}, "length >= 1"),
        ({"inputs": [{"name": "a", "type": "date"}]}, "Invalid value 'date'"),
        ({"inputs": [{"name": "a", "type": "number", "size": 3}]}, "unknown field `size`"),
        ({"inputs": [{"name": "a", "type": "vector"}]}, "missing required field `size`"),
        ({"inputs": [{"name": "a", "type": "vector", "size": 0}]}, "Expected `int` >= 1"),
        ({"inputs": [{"name": "a", "type": "vector", "size": 2**20 + 1}]}, "Expected `int` <= 1048576"),
        ({"inputs": [{"name": "a", "type": "number"}] * 2}, "inputs must have distinct names, found 'a' twice"),
        ({"outputs": []}, "length >= 1"),
        ({"outputs": [{**NUMBER, "form": "picture"}]}, "Invalid value 'picture'"),
        ({"outputs": [{**NUMBER, "classes": ["a", "b"]}]}, "unknown field `classes`"),
        ({"outputs": [NUMBER, NUMBER]}, "outputs must have distinct names, found 'n' twice"),
        ({"outputs": [{**NUMBER, "level": "word"}]}, "Invalid enum value 'word'"),
        ({"outputs": [{**NUMBER, "sequence": "carrier"}]}, "n of level row must have no sequence, found 'carrier'"),
        (
            {"outputs": [NUMBER | TOKEN]},
            "must name an input of type strings, found 'words'; such inputs: none",
        ),
        ({"inputs": [LISTS], "outputs": [{**NUMBER, "level": "token"}]}, "found None; such inputs: 'words'"),
        ({"inputs": [LISTS], "outputs": [NUMBER | TOKEN | {"sequence": "word"}]}, "found 'word'; such inputs: 'words'"),
        ({"outputs": [{**NUMBER, "level": "token", "sequence": "carrier"}]}, "found 'carrier'; such inputs: none"),
        ({"outputs": [BANDS]}, "missing required field `classes`"),
        ({"outputs": [{**BANDS, "classes": ["one"]}]}, "length >= 2"),
        ({"outputs": [{**BANDS, "classes": ["a", "a"]}]}, "classes of b must have distinct names, found 'a' twice"),
        ({"outputs": [{**GENRES, "labels": []}]}, "length >= 1"),
        ({"outputs": [{**GENRES, "labels": ["a", "b", "a"]}]}, "labels of g must have distinct names, found 'a' twice"),
        ({"outputs": [{**DELAY, "levels": []}]}, "length >= 1"),
        ({"outputs": [{**DELAY, "levels": [0.0, 0.5]}]}, "Expected `float` > 0.0"),
        ({"outputs": [{**DELAY, "levels": [0.5, 1]}]}, "Expected `float` < 1.0"),
        ({"outputs": [{**DELAY, "levels": [0.5, 0.1]}]}, "levels of d must increase, found 0.1 after 0.5"),
        ({"outputs": [{**DELAY, "levels": [0.1, 0.5, 0.5]}]}, "levels of d must increase, found 0.5 after 0.5"),
        ({"outputs": [{**GROUP, "clusters": 1}]}, "Expected `int` >= 2"),
    ],
)
def test_an_invalid_signature_is_an_error(export: Export, change: dict[str, object], message: str) -> None:
    path = export(change=change) / "signature.json"
    with pytest.raises(SignatureError, match=f"^{re.escape(str(path))}.*{re.escape(message)}.*export"):
        read_signature(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", json.dumps({"name": "a"}).encode()])
def test_a_broken_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "signature.json"
    path.write_bytes(content)
    with pytest.raises(SignatureError, match="export the model again"):
        read_signature(path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match="run the export stage"):
        read_signature(tmp_path / "signature.json")
