"""Dropout: how many, which, scaled by what, and the same again from the same seed."""

import pytest
import torch
from torch import nn

from mtl_core.nn.dropout import FastDropout, dropout

ROWS = 400_000
"""A share of them lies within 0.004 of its chance, five standard errors and more."""


@pytest.mark.parametrize("rate", [1 / 65_536, 0.2, 0.5, 0.9])
def test_drops_its_rate_and_keeps_the_mean(rate: float) -> None:
    torch.manual_seed(0)
    found = dropout(torch.ones(ROWS), rate)
    assert found.eq(0).double().mean() == pytest.approx(rate, abs=0.004)
    assert found[found != 0].unique().tolist() == [pytest.approx(1 / (1 - rate), rel=2e-4)]


def test_the_scale_is_that_of_the_rounded_rate() -> None:
    parts = round(0.3 * 65_536)
    assert dropout(torch.ones(100), 0.3).max() == torch.tensor(65_536 / (65_536 - parts))


def test_elements_that_share_a_draw_are_dropped_apart() -> None:
    torch.manual_seed(0)
    words = dropout(torch.ones(ROWS), 0.5).view(-1, 4).ne(0).double()
    chances = words.T @ words / len(words)
    torch.testing.assert_close(chances, torch.full((4, 4), 0.25).double() + 0.25 * torch.eye(4), atol=0.01, rtol=0)


@pytest.mark.parametrize("rate", [0.0, 1e-9])
def test_drops_nothing_at_no_rate(rate: float) -> None:
    x = torch.randn(7)
    assert dropout(x, rate) is x


def test_the_highest_rates_keep_something_and_stay_finite() -> None:
    torch.manual_seed(0)
    found = dropout(torch.ones(ROWS), 1 - 1e-9)
    assert 0 < found.ne(0).sum() < 50
    assert found.isfinite().all()


@pytest.mark.parametrize("shape", [(), (1,), (3,), (4,), (5, 7), (2, 3, 5), (0, 4)])
def test_every_shape(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape)
    found = dropout(x, 0.5)
    assert found.shape == x.shape
    torch.testing.assert_close(found, torch.where(found == 0, 0.0, 2 * x))


def test_rows_that_are_not_contiguous() -> None:
    x = torch.randn(6, 5).T
    found = dropout(x, 0.5)
    torch.testing.assert_close(found, torch.where(found == 0, 0.0, 2 * x))


def test_the_gradient_goes_where_the_value_went() -> None:
    x = torch.randn(50, dtype=torch.double, requires_grad=True)
    found = dropout(x, 0.5)
    found.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, torch.where(found == 0, 0.0, 2.0).double())


def test_the_seed_decides_whatever_the_threads() -> None:
    x, before = torch.randn(3001, 33), torch.get_num_threads()
    found = []
    try:
        for threads, seed in ((1, 0), (2, 0), (1, 1)):
            torch.set_num_threads(threads)
            torch.manual_seed(seed)
            found.append(torch.stack([dropout(x, 0.3), dropout(x, 0.3)]))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert not torch.equal(found[0][0], found[0][1])


def test_the_module_drops_while_training_alone() -> None:
    module, x = nn.Sequential(FastDropout(0.5)), torch.ones(1000)
    assert module(x).eq(0).any()
    assert torch.equal(module.eval()(x), x)
