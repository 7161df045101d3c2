"""The input layer: its rows, and the gradient of embeddings."""

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
def test_embeddings_and_gradients_equal_pytorchs(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    ids, table = torch.randint(ROWS, shape), torch.randn(ROWS, WIDTH, dtype=torch.double, requires_grad=True)
    direction = torch.randn(*shape, WIDTH, dtype=torch.double)
    embeddings, expected = embedding_lookup(ids, table), F.embedding(ids, table)
    assert torch.equal(embeddings, expected)
    torch.testing.assert_close(
        *(torch.autograd.grad(rows, table, direction, materialize_grads=True)[0] for rows in (embeddings, expected))
    )


def test_first_and_second_derivatives_are_exact() -> None:
    ids, table = torch.tensor([[0, 3], [3, 3]]), torch.randn(5, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda table: embedding_lookup(ids, table), table)
    assert torch.autograd.gradgradcheck(lambda table: embedding_lookup(ids, table).square(), table)


def test_batched_gradients_equal_single_ones() -> None:
    """Balancing methods compute the gradients of all tasks in one batch."""
    ids, table = torch.randint(ROWS, (20, 4)), torch.randn(ROWS, WIDTH, requires_grad=True)
    directions = torch.randn(3, 20, 4, WIDTH)
    rows = embedding_lookup(ids, table)
    (batched,) = torch.autograd.grad(rows, table, directions, is_grads_batched=True, retain_graph=True)
    single = [torch.autograd.grad(rows, table, direction, retain_graph=True)[0] for direction in directions]
    torch.testing.assert_close(batched, torch.stack(single))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("rows", [7, 3000])
def test_the_gradient_is_deterministic(threads: int, rows: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        torch.manual_seed(0)
        ids, table = torch.randint(rows, (2048, 32)), torch.randn(rows, 8, requires_grad=True)
        direction = torch.randn(2048, 32, 8)
        first, *others = (torch.autograd.grad(embedding_lookup(ids, table), table, direction)[0] for _ in range(5))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(first, other) for other in others)


@pytest.mark.parametrize("kind", ["both", "categorical", "numeric"])
def test_a_row_is_padded_with_zeros_and_equal_in_training_and_evaluation(small: Small, kind: str) -> None:
    features = tuple(feature for feature in small.encoder.features if kind in ("both", feature.kind))
    encoder = Encoder(features=features, tasks=small.encoder.tasks, rows=1)
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
