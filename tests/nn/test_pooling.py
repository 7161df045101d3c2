"""Mean embeddings of lists: golden values, separate tables, gradients, and independence of other rows."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.nn.pooling import MeanEmbeddings
from tests.strategies import patient


def mean_embeddings(sizes: dict[str, int], embedding: int = 4) -> MeanEmbeddings:
    """A layer of one block per feature, with the feature's name."""
    torch.manual_seed(0)
    return MeanEmbeddings({name: name for name in sizes}, sizes, embedding)


def test_golden_mean() -> None:
    layer = mean_embeddings({"f": 4})
    (table,) = layer.tables
    ids = torch.tensor([[2, 3, 0], [0, 2, 0], [0, 0, 0], [3, 3, 1]], dtype=torch.int16)
    with torch.no_grad():
        (row,), sequences = layer({"f": ids})
    expected = [(table[2] + table[3]) / 2, table[2], table[0], (2 * table[3] + table[1]) / 3]
    torch.testing.assert_close(row, torch.stack(expected))
    items, mask, start = sequences["f"]
    assert items.shape == (4, 3, 4)
    assert mask.tolist() == (ids != 0).tolist()
    assert start == 0
    torch.testing.assert_close(items[mask], table[ids[mask].int()])


def test_features_have_separate_tables_and_columns() -> None:
    layer = mean_embeddings({"x": 3, "items.y": 5})
    row, sequences = layer({"x": torch.tensor([[2]]), "items.y": torch.tensor([[2, 4]])})
    assert layer.width == sum(part.shape[1] for part in row) == 8
    assert {name: sequence.start for name, sequence in sequences.items()} == {"x": 0, "items.y": 4}
    assert [len(table) for table in layer.tables] == [3, 5]


def test_the_embedding_of_empty_rows_is_learned_and_padding_is_not() -> None:
    layer = mean_embeddings({"f": 3})
    (table,) = layer.tables
    for ids, gradient in (([[2, 0], [2, 2]], 0), ([[2, 0], [0, 0]], 1)):
        (row,), _ = layer({"f": torch.tensor(ids)})
        row.sum().backward()
        assert table.grad is not None
        assert (table.grad[0] == gradient).all()


@given(rows=st.lists(st.lists(st.integers(0, 6), max_size=6), min_size=1), padding=st.integers(1, 40))
@patient
def test_the_mean_of_a_row_does_not_depend_on_other_rows(rows: list[list[int]], padding: int) -> None:
    layer = mean_embeddings({"f": 7}, embedding=5)
    padded = torch.zeros(len(rows), max(map(len, rows)) + padding, dtype=torch.int16)
    for index, row in enumerate(rows):
        padded[index, : len(row)] = torch.tensor(row)
    with torch.no_grad():
        (in_training,), _ = layer.train()({"f": padded})
        (batch,), _ = layer.eval()({"f": padded})
        torch.testing.assert_close(in_training, batch)
        for index, row in enumerate(rows):
            (single,), _ = layer({"f": torch.tensor([row or [0]], dtype=torch.int16)})
            torch.testing.assert_close(single[0], batch[index], rtol=0, atol=1e-6)
