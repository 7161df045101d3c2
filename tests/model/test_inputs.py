"""The input layer: its row, and the gradient of its table."""

import pytest
import torch
import torch.nn.functional as F

from mtl_core.data.encoder import Encoder
from mtl_core.model.inputs import InputLayer, looked_up
from tests.small import Small

ROWS, WIDTH = 11, 3


@pytest.mark.parametrize("shape", [(1, 1), (40, 5), (2048, 33), (0, 4)])
def test_looks_up_what_torch_does_with_its_gradient(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    ids, table = torch.randint(ROWS, shape), torch.randn(ROWS, WIDTH, dtype=torch.double, requires_grad=True)
    towards = torch.randn(*shape, WIDTH, dtype=torch.double)
    found, expected = looked_up(ids, table), F.embedding(ids, table)
    assert torch.equal(found, expected)
    torch.testing.assert_close(
        *(torch.autograd.grad(rows, table, towards, materialize_grads=True)[0] for rows in (found, expected))
    )


def test_the_gradient_is_the_function_s() -> None:
    ids, table = torch.tensor([[0, 3], [3, 3]]), torch.randn(5, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda table: looked_up(ids, table), table)
    assert torch.autograd.gradgradcheck(lambda table: looked_up(ids, table).square(), table)


def test_several_gradients_at_once_are_those_one_by_one() -> None:
    """As the balancings that look at every task's gradient take them."""
    ids, table = torch.randint(ROWS, (20, 4)), torch.randn(ROWS, WIDTH, requires_grad=True)
    towards = torch.randn(3, 20, 4, WIDTH)
    rows = looked_up(ids, table)
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
        first, *others = (torch.autograd.grad(looked_up(ids, table), table, towards)[0] for _ in range(5))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(first, other) for other in others)


@pytest.mark.parametrize("block", ["both", "ids", "floats"])
def test_the_row_is_the_same_while_training_and_ends_in_zeros(small: Small, block: str) -> None:
    kept = tuple(feature for feature in small.encoder.features if block in ("both", feature.block))
    encoder = Encoder(features=kept, tasks=small.encoder.tasks)
    layer = InputLayer(encoder, 5)
    inputs = {name: values for name, values in small.train.slice(0, 9).inputs.items() if block in ("both", name)}
    expected = inputs.get("floats", torch.zeros(9, 0))
    if layer.pieces.width:
        expected = torch.cat([expected, layer.pieces(expected)], dim=1)
    if layer.embedding is not None:
        expected = torch.cat([layer.embedding.weight[inputs["ids"].long()].flatten(1), expected], dim=1)
    row = layer(inputs)
    assert torch.equal(row, F.pad(expected, (0, -expected.shape[1] % 8)))
    assert row.shape[1] == layer.width
    assert torch.equal(row, layer.eval()(inputs))
