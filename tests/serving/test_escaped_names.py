"""Names that JSON has to escape, as `size (")`: msgspec's structs cannot have them; they are served all the same."""

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
from tests.serving.bodies import DECODER, INPUTS, ROWS, VALID_ROW, rows_with_an_error
from tests.serving.example_models import SIGNATURE, shifted, write
from tests.strategies import patient

Rows = list[dict[str, Any]]


def renamed(name: str) -> RequestDecoder:
    """A decoder of the same inputs, with another name for the last."""
    return RequestDecoder((*INPUTS[:-1], msgspec.structs.replace(INPUTS[-1], name=name)), max_rows=5)


ESCAPED = 'point (")'
SLOW_DECODER = renamed(ESCAPED)


def decode(decoder: RequestDecoder, name: str, rows: Rows) -> dict[str, Any]:
    """The tensors or the errors, with "point" for the renamed input."""
    content = json.dumps([{name if key == "point" else key: value for key, value in row.items()} for row in rows])
    try:
        (batch,) = decoder.decode(content.encode())
    except RequestError as error:
        details = [(d.row, "point" if d.field == name else d.field, d.rule, d.found) for d in error.details]
        return {"total": error.total, "details": details}
    values = {"point" if key == name else key: (tensor.dtype, tensor.tolist()) for key, tensor in batch.tensors.items()}
    return {"lengths": [*batch.lengths.values()], "tensors": values}


@patient
@given(st.lists(ROWS, min_size=1, max_size=5) | rows_with_an_error().map(lambda example: example[0]) | st.just([]))
def test_both_decoders_have_the_same_tensors_and_errors(rows: Rows) -> None:
    np.testing.assert_equal(decode(SLOW_DECODER, ESCAPED, rows), decode(DECODER, "point", rows))


@pytest.mark.parametrize("name", ['"', "\\", "\n", "\x00", "\x1f", "\x7f", "é", " "])
def test_an_input_may_have_any_name(name: str) -> None:
    decoder, rows = renamed(name), [VALID_ROW, dict.fromkeys(VALID_ROW)]
    np.testing.assert_equal(decode(decoder, name, rows), decode(DECODER, "point", rows))


def test_a_model_with_escaped_names_is_served(tmp_path: Path) -> None:
    classes = ['5"', "tab\t", "\\"]
    band = {"name": 't"', "kind": "multiclass", "form": "class_probabilities", "unit": "", "classes": classes}
    signature = SIGNATURE | {"inputs": [{"name": 'x"', "type": "number"}], "outputs": [band]}
    content = shifted('t"', (0.5, 0.25, 0.25), column='x"')
    served = ServedModel(OnnxModel.load(write(tmp_path, content, signature), version="v"))
    response = json.loads(served.respond(json.dumps([{'x"': 0.0}, {'x"': None}]).encode()))
    assert response["predictions"] == [
        {'t"': {"class": '5"', "probabilities": {'5"': 0.5, "tab\t": 0.25, "\\": 0.25}}},
        {'t"': {"class": None, "probabilities": dict.fromkeys(classes)}},
    ]
    assert json.loads(served.example[1])["predictions"] == response["predictions"][1:]
