"""Laws that hold for every trunk: shapes, rows, tokens, seeds, dropout."""

import pytest
import torch

from mtl_core.config import TrunkOptions
from tests.trunks.every import ALL, KINDS, TASKS, built, outputs_of, random_rows, stirred

every_trunk = pytest.mark.parametrize("options", ALL.values(), ids=ALL.keys())


def test_every_kind_of_the_union_is_tried() -> None:
    assert {options.model_dump()["kind"] for options in ALL.values()} == set(KINDS)
    assert list(KINDS) == sorted(KINDS)


@every_trunk
@pytest.mark.parametrize("shape", [(), (5,), (1,), (0,), (2, 3), (2, 3, 4)])
@pytest.mark.parametrize("tasks", [1, 2, TASKS])
def test_a_float32_tensor_per_task_that_differs_in_the_last_dimension_alone(
    options: TrunkOptions, shape: tuple[int, ...], tasks: int
) -> None:
    trunk = built(options, tasks)
    outputs = outputs_of(trunk, options, random_rows(*shape), tasks)
    assert [tuple(output.shape) for output in outputs] == [(*shape, trunk.out_width)] * tasks
    assert {output.dtype for output in outputs} == {torch.float32}
    assert all(output.isfinite().all() for output in outputs)


@every_trunk
def test_rows_do_not_look_at_each_other(options: TrunkOptions) -> None:
    trunk, x, order = stirred(options), random_rows(9), torch.tensor([3, 1, 4, 0, 5, 8, 2, 6, 7])
    whole, permuted = outputs_of(trunk, options, x), outputs_of(trunk, options, x[order])
    alone = [outputs_of(trunk, options, x[row : row + 1]) for row in range(9)]
    for task in range(TASKS):
        assert whole[task].std(dim=0).max() > 0
        torch.testing.assert_close(permuted[task], whole[task][order])
        torch.testing.assert_close(torch.cat([row[task] for row in alone]), whole[task])


@every_trunk
def test_tokens_are_rows(options: TrunkOptions) -> None:
    trunk, tokens = stirred(options), random_rows(4, 5)
    by_token = outputs_of(trunk, options, tokens)
    by_row = outputs_of(trunk, options, tokens.flatten(0, 1))
    for token, row in zip(by_token, by_row, strict=True):
        torch.testing.assert_close(token, row.unflatten(0, (4, 5)))


@every_trunk
def test_the_seed_decides_the_start(options: TrunkOptions) -> None:
    first, again, other = (built(options, seed=seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@every_trunk
def test_once_learned_the_tasks_see_different_things(options: TrunkOptions) -> None:
    outputs = outputs_of(stirred(options), options, random_rows(5))
    same = options.model_dump()["kind"] == "shared_bottom"
    for other in outputs[1:]:
        assert torch.equal(outputs[0], other) == same


@every_trunk
def test_dropout_is_of_training_alone_and_follows_the_seed(options: TrunkOptions) -> None:
    x, dropping = random_rows(400), options.model_copy(update={"dropout": 0.5})
    kept, dropped = stirred(options), stirred(dropping)
    for plain, evaluated in zip(outputs_of(kept, options, x), outputs_of(dropped, dropping, x), strict=True):
        assert torch.equal(plain, evaluated)
    torch.manual_seed(0)
    trained = outputs_of(dropped.train(), dropping, x)
    torch.manual_seed(0)
    again = outputs_of(dropped, dropping, x)
    for plain, one, two in zip(outputs_of(kept, options, x), trained, again, strict=True):
        assert torch.equal(one, two)
        assert (one != plain).float().mean() > 0.1


@every_trunk
def test_a_large_input_stays_finite(options: TrunkOptions) -> None:
    trunk = stirred(options)
    for scale in (0.0, 1e6):
        assert all(output.isfinite().all() for output in outputs_of(trunk, options, scale * random_rows(5)))
