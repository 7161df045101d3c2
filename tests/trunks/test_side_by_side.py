"""Cross-stitch, message passing and task vectors at their simplest; and trunks whose tasks change places."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from mtl_core.config.trunks import CGC, CrossStitch, MessagePassing, MMoE, TaskVectors, TrunkOptions
from mtl_core.nn.mlp import MLP
from mtl_core.trunks.message_passing import Round
from mtl_core.trunks.task_vectors import TaskVectorsTrunk
from tests.trunks.every import TASKS, WIDTH, built, random_rows, stirred
from tests.trunks.test_mixtures import as_mlp, changed


def test_identity_stitches_leave_separate_stacks() -> None:
    trunk, x = stirred(CrossStitch(widths=(8, 6))), random_rows(20)
    with torch.no_grad():
        for stitch in trunk.stitches:
            for task, row in enumerate(stitch.rows):
                row.copy_(torch.eye(TASKS)[task])
    for task, output in enumerate(trunk(x)):
        expected = x
        for layer in trunk.layers:
            expected = as_mlp(layer, task)(expected)
        torch.testing.assert_close(output, expected)


def test_a_stitch_is_its_equation() -> None:
    (stitch,) = stirred(CrossStitch(widths=(8,))).stitches
    activations = torch.randn(TASKS, 20, 8)
    for row, output in zip(stitch.rows, stitch(activations), strict=True):
        expected = sum((row[task] * activations[task] for task in range(TASKS)), torch.zeros(()))
        torch.testing.assert_close(output, expected)


@pytest.mark.parametrize(
    ("tasks", "same", "start"),
    [
        (2, 0.9, [[0.9, 0.1], [0.1, 0.9]]),
        (3, 0.8, [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]),
        (2, 1, [[1, 0], [0, 1]]),
        (1, 0.9, [[1]]),
    ],
)
def test_stitches_start_convex(tasks: int, same: float, start: list[list[float]]) -> None:
    trunk = built(CrossStitch(widths=(8, 6), same=same), tasks)
    assert len(trunk.stitches) == 2
    for stitch in trunk.stitches:
        torch.testing.assert_close(torch.stack(list(stitch.rows)), torch.tensor(start, dtype=torch.float32))


def test_stitches_of_equal_parts_make_all_tasks_equal() -> None:
    first, *others = built(CrossStitch(widths=(8, 6), same=1 / TASKS))(random_rows(20))
    for other in others:
        torch.testing.assert_close(first, other)


def test_without_an_output_projection_no_message_passes() -> None:
    trunk, x = stirred(MessagePassing(widths=(8,), heads=2, layers=2)), random_rows(20)
    assert changed(trunk, "rounds.0.values") == [True, True, True]
    with torch.no_grad():
        for messages in trunk.rounds:
            messages.out.weight.zero_()
    shared = trunk.stack(x)
    for task, output in enumerate(trunk(x)):
        torch.testing.assert_close(output, as_mlp(trunk.projections, task)(shared))


def test_a_round_is_attention_among_tasks() -> None:
    """Against torch's own multi-head attention, with the same weights."""
    torch.manual_seed(0)
    messages, x = Round(8, 2, 0.0).eval(), torch.randn(20, TASKS, 8)
    reference = nn.MultiheadAttention(8, 2, bias=False, batch_first=True)
    parts = (messages.questions, messages.keys, messages.values)
    with torch.no_grad():
        messages.norm.weight.uniform_(0.5, 2)
        messages.norm.bias.normal_()
        reference.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        reference.out_proj.weight.copy_(messages.out.weight)
    normed = nn.functional.layer_norm(x, (8,), messages.norm.weight, messages.norm.bias)
    expected, _ = reference(normed, normed, normed, need_weights=False)
    torch.testing.assert_close(messages(x), x + expected)


def test_task_vectors_start_as_a_shared_bottom() -> None:
    trunk, x = built(TaskVectors(widths=(8, 6))), random_rows(20)
    mlp = MLP(WIDTH, (8, 6), 0.0)
    linear = [layer for layer in mlp.layers if isinstance(layer, nn.Linear)]
    for to, layer in zip(linear, trunk.layers, strict=True):
        to.load_state_dict(layer.state_dict())
    for output in trunk(x):
        torch.testing.assert_close(output, mlp(x))


def test_task_vectors_are_film() -> None:
    """Equations 1 and 2, after a normalisation without scale and shift of its own."""
    trunk, x = stirred(TaskVectors(widths=(8, 6), vector=4)), random_rows(20)
    for vector, output in zip(trunk.vectors, trunk(x), strict=True):
        expected = x
        for layer, film in zip(trunk.layers, trunk.films, strict=True):
            scale, shift = (film.weight @ vector + film.bias).split(layer.out_features)
            normed = nn.functional.layer_norm(layer(expected), (layer.out_features,))
            expected = (scale * normed + shift).relu()
        torch.testing.assert_close(output, expected)


def test_a_vector_conditions_its_task_alone() -> None:
    assert changed(stirred(TaskVectors(widths=(8, 6))), "vectors.1") == [False, True, False]


@pytest.mark.parametrize("tasks", [1, 2, 5, 16])
def test_all_pairs_of_vectors_start_equally_far_apart(tasks: int) -> None:
    trunk = built(TaskVectors(vector=16), tasks)
    assert isinstance(trunk, TaskVectorsTrunk)
    vectors = torch.stack(list(trunk.vectors))
    torch.testing.assert_close(vectors @ vectors.T, torch.eye(tasks))


def test_what_does_not_depend_on_the_task_is_computed_once() -> None:
    trunk = built(TaskVectors(widths=(8, 6)))
    calls = [0, 0]
    for depth, layer in enumerate(trunk.layers):
        layer.register_forward_hook(lambda *_, depth=depth: calls.__setitem__(depth, calls[depth] + 1))
    trunk(random_rows(5))
    assert calls == [1, TASKS]


State = dict[str, Tensor]
ORDER = [2, 0, 1]


def by_position(prefix: str) -> Callable[[State], State]:
    """`prefix.0.` becomes that of the first task in the new order, and so on."""
    parts = re.compile(rf"({re.escape(prefix)}\.)(\d+)(.*)")

    def moved(state: State) -> State:
        found = {name: match for name in state if (match := parts.fullmatch(name))}
        return {name: state[f"{match[1]}{ORDER[int(match[2])]}{match[3]}"] for name, match in found.items()}

    return moved


def by_first_dimension(prefix: str) -> Callable[[State], State]:
    return lambda state: {
        name: value.view(TASKS, -1)[ORDER].view_as(value) for name, value in state.items() if name.startswith(prefix)
    }


def by_row_and_column(state: State) -> State:
    rows = by_position("stitches.0.rows")(state) | by_position("stitches.1.rows")(state)
    return {name: row[ORDER] for name, row in rows.items()}


@pytest.mark.parametrize(
    ("options", "moves"),
    [
        (MMoE(widths=(8,)), [by_position("gates")]),
        (CGC(experts=2, widths=(8,)), [by_position("levels.0.gates"), by_position("levels.0.experts")]),
        (CrossStitch(widths=(8, 6)), [by_first_dimension("layers"), by_row_and_column]),
        (MessagePassing(widths=(8,), layers=2), [by_first_dimension("projections")]),
        (TaskVectors(widths=(8, 6)), [by_position("vectors")]),
    ],
    ids=["mmoe", "cgc", "cross_stitch", "message_passing", "task_vectors"],
)
def test_tasks_that_change_places_change_outputs(options: TrunkOptions, moves: list[Callable[[State], State]]) -> None:
    trunk, other, x = stirred(options), built(options, seed=1), random_rows(20)
    state = trunk.state_dict()
    for move in moves:
        moved = move(state)
        assert any(not torch.equal(moved[name], state[name]) for name in moved)
        state = state | moved
    other.load_state_dict(state)
    before, after = trunk(x), other(x)
    for position, task in enumerate(ORDER):
        torch.testing.assert_close(after[position], before[task])
        assert not torch.allclose(after[position], before[position])
