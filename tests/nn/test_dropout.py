"""Dropout: rate, scale, independence of elements, gradient, and reproducibility."""

import pytest
import torch
from torch import nn

from mtl_core.nn.dropout import FastDropout, dropout

ROWS = 400_000
"""The share of dropped elements is within 0.004 of its probability: at least five standard errors."""


@pytest.mark.parametrize("rate", [1 / 65_536, 0.2, 0.5, 0.9])
def test_rate_and_scale(rate: float) -> None:
    torch.manual_seed(0)
    out = dropout(torch.ones(ROWS), rate)
    assert out.eq(0).double().mean() == pytest.approx(rate, abs=0.004)
    assert out[out != 0].unique().tolist() == [pytest.approx(1 / (1 - rate), rel=2e-4)]


def test_the_scale_is_that_of_the_rounded_rate() -> None:
    steps = round(0.3 * 65_536)
    assert dropout(torch.ones(100), 0.3).max() == torch.tensor(65_536 / (65_536 - steps))


def test_elements_of_one_random_word_are_dropped_independently() -> None:
    torch.manual_seed(0)
    words = dropout(torch.ones(ROWS), 0.5).view(-1, 4).ne(0).double()
    joint = words.T @ words / len(words)
    torch.testing.assert_close(joint, torch.full((4, 4), 0.25).double() + 0.25 * torch.eye(4), atol=0.01, rtol=0)


@pytest.mark.parametrize("rate", [0.0, 1e-9])
def test_a_rate_of_0_is_the_identity(rate: float) -> None:
    x = torch.randn(7)
    assert dropout(x, rate) is x


def test_a_rate_near_1_is_finite() -> None:
    torch.manual_seed(0)
    out = dropout(torch.ones(ROWS), 1 - 1e-9)
    assert 0 < out.ne(0).sum() < 50
    assert out.isfinite().all()


SHAPES = [torch.randn(shape) for shape in [(), (1,), (3,), (4,), (5, 7), (2, 3, 5), (0, 4)]]


@pytest.mark.parametrize("x", [*SHAPES, torch.randn(6, 5).T], ids=lambda x: f"{tuple(x.shape)} {x.stride()}")
def test_every_shape_and_its_gradient(x: torch.Tensor) -> None:
    x = x.detach().requires_grad_()
    out = dropout(x, 0.5)
    scale = torch.where(out == 0, 0.0, 2.0)
    torch.testing.assert_close(out, scale * x)
    out.sum().backward()
    torch.testing.assert_close(x.grad, scale)


def test_the_seed_determines_the_result_with_any_threads() -> None:
    x, threads_before = torch.randn(3001, 33), torch.get_num_threads()
    results = []
    try:
        for threads, seed in ((1, 0), (2, 0), (1, 1)):
            torch.set_num_threads(threads)
            torch.manual_seed(seed)
            results.append(torch.stack([dropout(x, 0.3), dropout(x, 0.3)]))
    finally:
        torch.set_num_threads(threads_before)
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
    assert not torch.equal(results[0][0], results[0][1])


def test_the_module_drops_in_training_only() -> None:
    module, x = nn.Sequential(FastDropout(0.5)), torch.ones(1000)
    assert module(x).eq(0).any()
    assert torch.equal(module.eval()(x), x)
