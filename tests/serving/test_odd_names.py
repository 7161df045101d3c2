"""Names that JSON has to escape, as `size (")`: msgspec's structs cannot have them, and all is served the same."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import RequestError
from serving.live import ServedModel
from serving.model import OnnxModel
from serving.rows import RequestDecoder
from tests.serving.bodies import INPUTS, READER, RIGHT, ROWS, spoiled
from tests.serving.example_models import SIGNATURE, shifted, write
from tests.strategies import patient

Rows = list[dict[str, Any]]


def renamed(name: str) -> RequestDecoder:
    """The same inputs, the last of them under another name."""
    return RequestDecoder((*INPUTS[:-1], msgspec.structs.replace(INPUTS[-1], name=name)), max_rows=5)


ODD = 'place (")'
CAREFUL = renamed(ODD)


def outcome(reader: RequestDecoder, name: str, rows: Rows) -> dict[str, Any]:
    """The tensors or the errors, with "place" for the renamed input."""
    content = json.dumps([{name if key == "place" else key: value for key, value in row.items()} for row in rows])
    try:
        ((tensors, lengths),) = reader.decode(content.encode())
    except RequestError as error:
        details = [(d.row, "place" if d.field == name else d.field, d.rule, d.found) for d in error.details]
        return {"total": error.total, "details": details}
    values = {"place" if key == name else key: (tensor.dtype, tensor.tolist()) for key, tensor in tensors.items()}
    return {"lengths": [*lengths.values()], "tensors": values}


@patient
@given(st.lists(ROWS, min_size=1, max_size=5) | spoiled().map(lambda change: change[0]) | st.just([]))
def test_rows_are_read_and_refused_alike(rows: Rows) -> None:
    np.testing.assert_equal(outcome(CAREFUL, ODD, rows), outcome(READER, "place", rows))


@pytest.mark.parametrize("name", ['"', "\\", "\n", "\x00", "\x1f", "\x7f", "é", " "])
def test_every_name_is_read(name: str) -> None:
    reader, rows = renamed(name), [RIGHT, dict.fromkeys(RIGHT)]
    np.testing.assert_equal(outcome(reader, name, rows), outcome(READER, "place", rows))


def test_a_model_of_odd_names_is_served(tmp_path: Path) -> None:
    classes = ['5"', "tab\t", "\\"]
    band = {"name": 't"', "kind": "multiclass", "form": "class_probabilities", "unit": "", "classes": classes}
    signature = SIGNATURE | {"inputs": [{"name": 'x"', "type": "number"}], "outputs": [band]}
    content = shifted('t"', (0.5, 0.25, 0.25), column='x"')
    served = ServedModel(OnnxModel.load(write(tmp_path, content, signature), version="v"))
    answer = json.loads(served.respond(json.dumps([{'x"': 0.0}, {'x"': None}]).encode()))
    assert answer["predictions"] == [
        {'t"': {"class": '5"', "probabilities": {'5"': 0.5, "tab\t": 0.25, "\\": 0.25}}},
        {'t"': {"class": None, "probabilities": dict.fromkeys(classes)}},
    ]
    assert json.loads(served.example[1])["predictions"] == answer["predictions"][1:]
