"""Laws of every trunk: shapes, independence of rows, tokens, seeds, dropout."""

import pytest
import torch

from mtl_core.config import TrunkOptions
from tests.trunks.cases import KINDS, TASKS, TRUNKS, built, outputs_of, perturbed, random_rows

every_trunk = pytest.mark.parametrize("options", TRUNKS.values(), ids=TRUNKS.keys())


def test_every_kind_of_the_union_is_covered() -> None:
    assert {options.model_dump()["kind"] for options in TRUNKS.values()} == set(KINDS)
    assert list(KINDS) == sorted(KINDS)


@every_trunk
@pytest.mark.parametrize("shape", [(), (5,), (1,), (0,), (2, 3), (2, 3, 4)])
@pytest.mark.parametrize("tasks", [1, 2, TASKS])
def test_outputs_are_finite_float32_tensors_of_the_input_shape_but_for_the_width(
    options: TrunkOptions, shape: tuple[int, ...], tasks: int
) -> None:
    trunk = built(options, tasks)
    outputs = outputs_of(trunk, options, random_rows(*shape), tasks)
    assert [tuple(output.shape) for output in outputs] == [(*shape, trunk.out_width)] * tasks
    assert {output.dtype for output in outputs} == {torch.float32}
    assert all(output.isfinite().all() for output in outputs)


@every_trunk
def test_rows_are_independent(options: TrunkOptions) -> None:
    trunk, x = perturbed(options), random_rows(9)
    by_batch = outputs_of(trunk, options, x)
    by_row = [outputs_of(trunk, options, x[row : row + 1]) for row in range(9)]
    for task in range(TASKS):
        assert by_batch[task].std(dim=0).max() > 0
        torch.testing.assert_close(torch.cat([row[task] for row in by_row]), by_batch[task])


@every_trunk
def test_tokens_are_treated_like_rows(options: TrunkOptions) -> None:
    trunk, tokens = perturbed(options), random_rows(4, 5)
    by_token = outputs_of(trunk, options, tokens)
    by_row = outputs_of(trunk, options, tokens.flatten(0, 1))
    for token, row in zip(by_token, by_row, strict=True):
        torch.testing.assert_close(token, row.unflatten(0, (4, 5)))


@every_trunk
def test_the_seed_decides_the_initial_parameters(options: TrunkOptions) -> None:
    first, repeated, other = (built(options, seed=seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], repeated[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@every_trunk
def test_tasks_have_different_outputs_except_with_a_shared_bottom(options: TrunkOptions) -> None:
    outputs = outputs_of(perturbed(options), options, random_rows(5))
    for other in outputs[1:]:
        assert torch.equal(outputs[0], other) == (options.model_dump()["kind"] == "shared_bottom")


@every_trunk
def test_dropout_is_active_in_training_alone_and_follows_the_seed(options: TrunkOptions) -> None:
    x, with_dropout = random_rows(400), options.model_copy(update={"dropout": 0.5})
    expected = outputs_of(perturbed(options), options, x)
    trunk = perturbed(with_dropout)
    evaluated = outputs_of(trunk, with_dropout, x)
    torch.manual_seed(0)
    trained = outputs_of(trunk.train(), with_dropout, x)
    torch.manual_seed(0)
    repeated = outputs_of(trunk, with_dropout, x)
    for task in range(TASKS):
        assert torch.equal(evaluated[task], expected[task])
        assert torch.equal(trained[task], repeated[task])
        assert (trained[task] != expected[task]).float().mean() > 0.1


@every_trunk
def test_outputs_for_extreme_inputs_are_finite(options: TrunkOptions) -> None:
    trunk = perturbed(options)
    for scale in (0.0, 1e6):
        assert all(output.isfinite().all() for output in outputs_of(trunk, options, scale * random_rows(5)))
