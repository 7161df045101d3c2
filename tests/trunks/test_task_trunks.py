"""Cross-stitch, message passing and task vectors against the equations of their papers."""

import pytest
import torch
from torch import nn

from mtl_core.config.trunks import CrossStitch, MessagePassing, TaskVectors
from mtl_core.nn.mlp import MLP
from mtl_core.trunks.message_passing import MessageRound
from mtl_core.trunks.task_vectors import TaskVectorsTrunk
from tests.trunks.cases import TASKS, WIDTH, built, perturbed, random_rows
from tests.trunks.test_expert_trunks import as_mlp


def test_cross_stitch_is_its_equation() -> None:
    trunk, x = perturbed(CrossStitch(widths=(8, 6))), random_rows(20)
    outputs = [x] * TASKS
    for layer, stitch in zip(trunk.layers, trunk.stitches, strict=True):
        activations = [as_mlp(layer, task)(outputs[task]) for task in range(TASKS)]
        outputs = [
            sum((row[task] * activations[task] for task in range(TASKS)), torch.zeros(())) for row in stitch.rows
        ]
    for output, expected in zip(trunk(x), outputs, strict=True):
        torch.testing.assert_close(output, expected)


@pytest.mark.parametrize(
    ("tasks", "same", "expected"),
    [
        (2, 0.9, [[0.9, 0.1], [0.1, 0.9]]),
        (3, 0.8, [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]),
        (2, 1, [[1, 0], [0, 1]]),
        (1, 0.9, [[1]]),
    ],
)
def test_initial_stitches_are_convex_combinations(tasks: int, same: float, expected: list[list[float]]) -> None:
    trunk = built(CrossStitch(widths=(8, 6), same=same), tasks)
    assert len(trunk.stitches) == 2
    for stitch in trunk.stitches:
        torch.testing.assert_close(torch.stack(list(stitch.rows)), torch.tensor(expected, dtype=torch.float32))


def test_without_output_projections_the_outputs_of_message_passing_are_the_projections() -> None:
    trunk, x = perturbed(MessagePassing(widths=(8,), heads=2, layers=2)), random_rows(20)
    with torch.no_grad():
        for messages in trunk.rounds:
            messages.out.weight.zero_()
    shared = trunk.stack(x)
    for task, output in enumerate(trunk(x)):
        torch.testing.assert_close(output, as_mlp(trunk.projections, task)(shared))


def test_a_round_is_attention_among_tasks() -> None:
    """Compared with torch's multi-head attention of the same weights."""
    torch.manual_seed(0)
    messages, x = MessageRound(8, 2, 0.0).eval(), torch.randn(20, TASKS, 8)
    reference = nn.MultiheadAttention(8, 2, bias=False, batch_first=True)
    layers = (messages.questions, messages.keys, messages.values)
    with torch.no_grad():
        messages.norm.weight.uniform_(0.5, 2)
        messages.norm.bias.normal_()
        reference.in_proj_weight.copy_(torch.cat([layer.weight for layer in layers]))
        reference.out_proj.weight.copy_(messages.out.weight)
    normed = nn.functional.layer_norm(x, (8,), messages.norm.weight, messages.norm.bias)
    expected, _ = reference(normed, normed, normed, need_weights=False)
    torch.testing.assert_close(messages(x), x + expected)


def test_an_untrained_trunk_with_task_vectors_is_a_shared_bottom() -> None:
    trunk, x = built(TaskVectors(widths=(8, 6))), random_rows(20)
    mlp = MLP(WIDTH, (8, 6), 0.0)
    linear = [layer for layer in mlp.layers if isinstance(layer, nn.Linear)]
    for target, layer in zip(linear, trunk.layers, strict=True):
        target.load_state_dict(layer.state_dict())
    for output in trunk(x):
        torch.testing.assert_close(output, mlp(x))


def test_task_vectors_are_film() -> None:
    """Equations 1 and 2, after a normalisation without scale and shift."""
    trunk, x = perturbed(TaskVectors(widths=(8, 6), vector=4)), random_rows(20)
    for vector, output in zip(trunk.vectors, trunk(x), strict=True):
        expected = x
        for layer, film in zip(trunk.layers, trunk.films, strict=True):
            scale, shift = (film.weight @ vector + film.bias).split(layer.out_features)
            normed = nn.functional.layer_norm(layer(expected), (layer.out_features,))
            expected = (scale * normed + shift).relu()
        torch.testing.assert_close(output, expected)


@pytest.mark.parametrize("tasks", [1, 2, 5, 16])
def test_initial_task_vectors_are_orthogonal(tasks: int) -> None:
    trunk = built(TaskVectors(vector=16), tasks)
    assert isinstance(trunk, TaskVectorsTrunk)
    vectors = torch.stack(list(trunk.vectors))
    torch.testing.assert_close(vectors @ vectors.T, torch.eye(tasks))


def test_the_first_layer_is_computed_once_for_all_tasks() -> None:
    trunk = built(TaskVectors(widths=(8, 6)))
    calls = [0, 0]
    for depth, layer in enumerate(trunk.layers):
        layer.register_forward_hook(lambda *_, depth=depth: calls.__setitem__(depth, calls[depth] + 1))
    trunk(random_rows(5))
    assert calls == [1, TASKS]
