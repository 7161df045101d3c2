"""Decoded tags are the best valid sequence under IOB2, alone or in a batch, in torch and in ONNX Runtime."""

from collections.abc import Callable
from itertools import product

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from mtl_core.export.graph import quiet
from mtl_core.export.subgraphs import add_prefix, strip_metadata
from mtl_core.graphs.builder import OPSET
from mtl_core.graphs.runtime import Session, open_graph
from mtl_core.nn.iob import decode

LABELS = 39
TAGS = 1 + 2 * LABELS
CERTAIN_O = torch.cat([torch.zeros(1), torch.full((TAGS - 1,), -1e4)])


def normal(*shape: int, scale: float = 1.0, dtype: torch.dtype = torch.float32) -> Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def whole(*shape: int) -> Tensor:
    """Small whole numbers: their sums are exact, and many are equal."""
    return torch.randint(-2, 3, shape, generator=torch.Generator().manual_seed(0)).float()


def follows(before: int, tag: int) -> bool:
    """True if `tag` may follow `before`; at the start of a row, `before` is 0."""
    is_inside = tag > 0 and tag % 2 == 0
    return not is_inside or before in (tag - 1, tag)


def is_valid(row: list[int]) -> bool:
    return all(follows(before, tag) for before, tag in zip([0, *row], row, strict=False))


def preference(row: tuple[int, ...]) -> list[tuple[bool, int]]:
    """Sort key of sequences with equal scores: O, then B, then I; the lower label first."""
    return [(tag > 0 and tag % 2 == 0, tag) for tag in row]


def viterbi(logits: Tensor) -> list[int]:
    """(L, T) logits -> the best tags by Viterbi decoding, with transitions of score 0 and -inf."""
    tags = range(logits.shape[1])
    transitions = np.array([[0.0 if follows(before, tag) else -np.inf for tag in tags] for before in tags])
    scores, best_before = logits[0].numpy() + transitions[0], []
    for row in logits[1:].numpy():
        paths = scores[:, None] + transitions
        best_before.append(paths.argmax(axis=0))
        scores = paths.max(axis=0) + row
    path = [int(scores.argmax())]
    for before in reversed(best_before):
        path.append(int(before[path[-1]]))
    return path[::-1]


@pytest.mark.parametrize(("labels", "length"), [(1, 1), (1, 2), (1, 5), (2, 1), (2, 2), (2, 4), (3, 3)])
def test_brute_force_over_all_sequences_with_ties(labels: int, length: int) -> None:
    logits = whole(300, length, 1 + 2 * labels) + 100 * whole(300, length, 1)
    candidates = [row for row in product(range(1 + 2 * labels), repeat=length) if is_valid(list(row))]
    candidates.sort(key=preference)
    scores = logits[:, torch.arange(length), torch.tensor(candidates)].sum(dim=-1)  # (rows, candidates)
    assert decode(logits).tolist() == [list(candidates[index]) for index in scores.argmax(dim=1)]


def test_viterbi_with_many_tags() -> None:
    logits = normal(20, 30, TAGS, dtype=torch.float64)
    logits[..., 2::2] += 1  # longer spans
    decoded = decode(logits)
    assert decoded.tolist() == [viterbi(row) for row in logits]
    assert set(decoded.unique().tolist()) & set(range(2, TAGS, 2))


ALL_INSIDE = torch.tensor([0.0, *[-1e4, 1e4] * LABELS]).expand(1, 40, -1)
ALTERNATING = torch.stack([CERTAIN_O, ALL_INSIDE[0, 0]]).repeat(20, 1).unsqueeze(0)


@pytest.mark.parametrize(
    "logits",
    [
        ALL_INSIDE,
        ALTERNATING,
        torch.zeros(1, 40, TAGS),
        normal(100, 40, TAGS, scale=1e4),
        normal(100, 40, TAGS, scale=1e-30),
        normal(100, 40, TAGS, scale=1e30),
        whole(100, 40, TAGS),
    ],
    ids=["all-inside", "inside-after-certain-outside", "zeros", "large", "tiny", "huge", "ties"],
)
def test_no_invalid_sequence(logits: Tensor) -> None:
    decoded = decode(logits)
    assert decoded.shape == logits.shape[:2]
    assert all(is_valid(row) for row in decoded.tolist())


def test_padding_is_outside_and_changes_no_tag() -> None:
    lengths = [1, 2, 7, 40]
    batch = CERTAIN_O.repeat(len(lengths), 41, 1)
    for row, length in zip(batch, lengths, strict=True):
        row[:length] = normal(length, TAGS, scale=3)
    for row, decoded, length in zip(batch, decode(batch), lengths, strict=True):
        assert decoded[:length].tolist() == decode(row[None, :length])[0].tolist()
        assert decoded[length:].tolist() == [0] * (41 - length)


def test_rounding_errors_do_not_grow_with_the_length() -> None:
    """Sums of whole rows would need 35 bits here; sums of single positions are exact in float32."""
    logits = 1e4 + normal(2, 3000, TAGS)
    assert torch.equal(decode(logits), decode(logits.double()))


def test_gradients_are_neither_needed_nor_recorded() -> None:
    logits = normal(2, 5, TAGS)
    with torch.inference_mode():
        expected = decode(logits)
    assert torch.equal(decode(logits.requires_grad_() * 1), expected)


class Decoder(nn.Module):
    def forward(self, logits: Tensor) -> Tensor:
        return decode(logits)


@pytest.fixture(scope="module")
def session() -> Session:
    """The exported decoding with a prefix, as it stands in a network's graph."""
    sizes = {0: torch.export.Dim("rows", min=1), 1: torch.export.Dim("length", min=1)}
    with quiet():
        program = torch.onnx.export(
            Decoder().eval(),
            (torch.zeros(2, 3, TAGS),),
            dynamo=True,
            external_data=False,
            opset_version=OPSET,
            verbose=False,
            input_names=["logits"],
            output_names=["tags"],
            dynamic_shapes=(sizes,),
        )
    assert program is not None
    model = program.model_proto
    strip_metadata(model.graph)
    add_prefix(model.graph, "p/")
    onnx.checker.check_model(model, full_check=True)
    graph = model.SerializeToString()
    assert b".py" not in graph
    return open_graph(graph)


@pytest.mark.parametrize(("rows", "length"), [(1, 1), (1, 7), (5, 1), (64, 40)])
@pytest.mark.parametrize("draw", [normal, whole])
def test_the_exported_graph_decodes_as_torch(
    session: Session, draw: Callable[..., Tensor], rows: int, length: int
) -> None:
    logits = draw(rows, length, TAGS)
    (decoded,) = session.run(["p/tags"], {"p/logits": logits.numpy()})
    assert decoded.tolist() == decode(logits).tolist()
