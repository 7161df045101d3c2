"""Training budget: laws of the defaults, and their dependence on declared numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.config import Training
from mtl_core.config.budget import DEFAULT_STEPS, MAX_BATCH, MIN_BATCH, Budget, budget_of

rows = st.integers(1, 10**9)


def steps(budget: Budget) -> int:
    """Maximum number of optimizer steps."""
    return budget.epochs * budget.steps_per_epoch


@given(rows=rows)
def test_the_defaults_bound_batch_size_steps_and_evaluations(rows: int) -> None:
    budget = budget_of(Training(), rows)
    assert MIN_BATCH <= budget.batch_size <= MAX_BATCH
    assert steps(budget) >= DEFAULT_STEPS
    assert 95 <= budget.epochs <= 201, "neither rare evaluations nor most of the cost"
    assert 1 <= budget.patience < budget.epochs


@given(rows=rows, more=st.integers(1, 10**9))
def test_more_rows_never_give_smaller_batches_or_fewer_rows_read(rows: int, more: int) -> None:
    small, large = budget_of(Training(), rows), budget_of(Training(), rows + more)
    assert small.batch_size <= large.batch_size
    assert steps(small) * small.batch_size <= 1.05 * steps(large) * large.batch_size


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({"epochs": 20, "batch_size": 64}, {"epochs": 20, "batch_size": 64, "steps_per_epoch": 16}),
        ({"epochs": 20, "batch_size": 64, "steps_per_epoch": 5}, {"epochs": 20, "steps_per_epoch": 5}),
        ({"stopping": {"patience": 7}}, {"patience": 7}),
        ({"epochs": 120}, {"patience": 6}),
        ({"epochs": 6}, {"patience": 3}),
        ({"batch_size": 4096}, {"batch_size": 4096, "steps_per_epoch": 20}),
    ],
)
def test_a_declared_number_is_kept_and_the_defaults_depend_on_it(
    declared: dict[str, object], expected: dict[str, int]
) -> None:
    budget = budget_of(Training.model_validate(declared), rows=1_000)
    assert {name: getattr(budget, name) for name in expected} == expected
