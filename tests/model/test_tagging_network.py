"""The network of a problem with texts: logits of tokens, in batches of texts of different lengths."""

from typing import Any

import pytest
import torch
from torch import Tensor

from mtl_core.config import parse_problem
from mtl_core.model import Network
from mtl_core.tasks.tagging import CERTAIN
from tests.grid import TRUNKS
from tests.small import Small
from tests.tagging import ENCODERS, document


def network_of(tagged: Small, **model: Any) -> Network:
    params = document()
    params["model"] |= model
    return Network.seeded(parse_problem(params), tagged.encoder, 0)


def without_a_token(tagged: Small, task: str, rows: slice) -> Tensor:
    """(B, L) True for end marks and padding."""
    labels = tagged.train.labels[task]
    lengths = labels.lengths[rows] - 1
    return torch.arange(int(lengths.max()) + 1) >= lengths[:, None]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "model",
    [*({"trunk": {"kind": trunk}} for trunk in TRUNKS), {"members": 3}, {"private": 4}, {"text": {"kind": "lstm"}}],
    ids=str,
)
def test_positions_without_a_token_have_the_logits_of_a_certain_o(
    tagged: Small, model: dict[str, Any], training: bool
) -> None:
    network = network_of(tagged, **model).train(training)
    rows = slice(0, 50)
    batch = tagged.train.slice(0, 50)
    logits = network(batch.inputs)
    for task in ("slots", "people"):
        absent = without_a_token(tagged, task, rows)
        assert torch.equal(absent.any(1), torch.ones(50, dtype=torch.bool))  # the end mark of every row
        certain = torch.zeros(logits[task].shape[-1]).index_fill(0, torch.arange(1, logits[task].shape[-1]), -CERTAIN)
        assert logits[task].shape[:2] == absent.shape
        assert torch.equal(logits[task][absent], certain.expand_as(logits[task][absent]))
        assert logits[task][~absent].abs().max() < 0.01 * CERTAIN
        assert logits[task].ndim == (4 if training and "members" in model else 3)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_row_alone_has_the_predictions_that_it_has_in_a_batch(tagged: Small, encoder: str) -> None:
    network = network_of(tagged, text=ENCODERS[encoder]).eval()
    together = network(tagged.train.slice(0, 12).inputs)
    predicted = network.predict(tagged.train.slice(0, 12).inputs)
    for row in range(12):
        batch = tagged.train.slice(row, row + 1)
        alone, alone_predicted = network(batch.inputs), network.predict(batch.inputs)
        for task, logits in alone.items():
            length = logits.shape[1] if task in ("slots", "people") else None
            of_batch = together[task][row : row + 1] if length is None else together[task][row : row + 1, :length]
            torch.testing.assert_close(logits, of_batch, rtol=1e-5, atol=1e-5)
        for task in ("slots", "people"):
            length = alone_predicted[task].shape[1]
            assert torch.equal(alone_predicted[task][0, :, 0], predicted[task][row, :length, 0])


def test_each_tagging_task_reads_the_tokens_of_its_text(tagged: Small) -> None:
    """A word changes its own row alone."""
    network = network_of(tagged).eval()
    inputs = dict(tagged.train.slice(0, 8).inputs)
    before = network(inputs)
    assert before["slots"].shape[1] == inputs["text.text"].shape[1]
    assert before["people"].shape[1] == inputs["text.heading"].shape[1]
    changed = inputs["text.text"].clone()
    changed[0, 0] = changed[1, 0]
    changed[0, 0, 0] += 1
    after = network(inputs | {"text.text": changed})
    differs = (after["slots"] - before["slots"]).abs().amax(2)
    assert differs[0, 0] > 0
    assert differs[1:].eq(0).all()


def test_a_token_of_a_row_depends_on_the_other_columns_of_the_row(tagged: Small) -> None:
    network = network_of(tagged).eval()
    inputs = dict(tagged.train.slice(0, 8).inputs)
    before = network(inputs)["slots"]
    numbers = next(name for name in inputs if name.startswith("numeric"))
    after = network(inputs | {numbers: inputs[numbers] + 1.0})["slots"]
    present = ~without_a_token(tagged, "slots", slice(0, 8))
    assert (after - before).abs().amax(2)[present].gt(0).all()
    assert torch.equal(after[~present], before[~present])


def test_every_parameter_has_a_gradient_from_the_tokens(tagged: Small) -> None:
    network = network_of(tagged)
    logits = network(tagged.train.slice(0, 200).inputs)
    torch.stack([tensor.clamp(min=-100).square().sum() for tensor in logits.values()]).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())
