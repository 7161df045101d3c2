"""The input layer: its row, and the gradient of its table."""

import pytest
import torch
import torch.nn.functional as F

from mtl_core.config import Model
from mtl_core.data.encoder import Encoder
from mtl_core.model.inputs import InputLayer
from mtl_core.nn.embedding import embedding_lookup
from tests.small import Small

ROWS, WIDTH = 11, 3


@pytest.mark.parametrize("shape", [(1, 1), (40, 5), (2048, 33), (0, 4)])
def test_looks_up_what_torch_does_with_its_gradient(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    ids, table = torch.randint(ROWS, shape), torch.randn(ROWS, WIDTH, dtype=torch.double, requires_grad=True)
    towards = torch.randn(*shape, WIDTH, dtype=torch.double)
    found, expected = embedding_lookup(ids, table), F.embedding(ids, table)
    assert torch.equal(found, expected)
    torch.testing.assert_close(
        *(torch.autograd.grad(rows, table, towards, materialize_grads=True)[0] for rows in (found, expected))
    )


def test_the_gradient_is_the_function_s() -> None:
    ids, table = torch.tensor([[0, 3], [3, 3]]), torch.randn(5, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda table: embedding_lookup(ids, table), table)
    assert torch.autograd.gradgradcheck(lambda table: embedding_lookup(ids, table).square(), table)


def test_several_gradients_at_once_are_those_one_by_one() -> None:
    """As the balancings that look at every task's gradient take them."""
    ids, table = torch.randint(ROWS, (20, 4)), torch.randn(ROWS, WIDTH, requires_grad=True)
    towards = torch.randn(3, 20, 4, WIDTH)
    rows = embedding_lookup(ids, table)
    (together,) = torch.autograd.grad(rows, table, towards, is_grads_batched=True, retain_graph=True)
    one_by_one = [torch.autograd.grad(rows, table, one, retain_graph=True)[0] for one in towards]
    torch.testing.assert_close(together, torch.stack(one_by_one))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("rows", [7, 3000])
def test_the_gradient_repeats_to_the_bit(threads: int, rows: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        torch.manual_seed(0)
        ids, table = torch.randint(rows, (2048, 32)), torch.randn(rows, 8, requires_grad=True)
        towards = torch.randn(2048, 32, 8)
        first, *others = (torch.autograd.grad(embedding_lookup(ids, table), table, towards)[0] for _ in range(5))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(first, other) for other in others)


@pytest.mark.parametrize("kind", ["both", "categorical", "numeric"])
def test_the_row_is_the_same_while_training_and_ends_in_zeros(small: Small, kind: str) -> None:
    kept = tuple(feature for feature in small.encoder.features if kind in ("both", feature.kind))
    encoder = Encoder(features=kept, tasks=small.encoder.tasks, rows=1)
    layer = InputLayer(encoder, Model(embedding=5))
    inputs = {name: values for name, values in small.train.slice(0, 9).inputs.items() if kind in ("both", name)}
    expected = torch.zeros(9, 0)
    if "categorical" in layer.groups:
        table = layer.groups["categorical"].embedding.weight
        expected = table[inputs["categorical"].long()].flatten(1)
    if "numeric" in layer.groups:
        numbers = inputs["numeric"]
        expected = torch.cat([expected, numbers, layer.groups["numeric"].encode(numbers)], dim=1)
    row = layer(inputs).row
    assert torch.equal(row, F.pad(expected, (0, -expected.shape[1] % 8)))
    assert row.shape[1] == layer.width
    assert torch.equal(row, layer.eval()(inputs).row)
