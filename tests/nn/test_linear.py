"""The linear layer of training: torch's own values and gradients, one or several at once, and the same bits again."""

import runpy
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import mtl_core.nn.linear as linear_module
from mtl_core.nn.linear import OneDnnLinear, linear

pytestmark = pytest.mark.skipif(not linear_module.ONEDNN, reason="this torch has no product of oneDNN's")


@pytest.fixture(autouse=True)
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Product by oneDNN, however small."""
    monkeypatch.setattr(linear_module, "MIN_PRODUCTS", 1)


def inputs(*shape: int, out_width: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    shapes = (shape, (out_width, shape[-1]), (out_width,))
    return tuple(torch.randn(one, requires_grad=True) for one in shapes)  # type: ignore[return-value]


@pytest.mark.parametrize("shape", [(7,), (1, 7), (40, 7), (3, 4, 7), (0, 7), (2048, 120)])
def test_is_torch_s_with_its_gradients(shape: tuple[int, ...]) -> None:
    given = inputs(*shape)
    found, expected = linear(*given), F.linear(*given)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    towards = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad(found, given, towards), torch.autograd.grad(expected, given, towards), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-3)


def test_rows_that_lie_apart_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, bias = inputs(6, 3, 7)
    shown: list[Tensor] = []
    apply = linear_module._Linear.apply
    monkeypatch.setattr(linear_module._Linear, "apply", lambda *given: (shown.append(given[0]), apply(*given))[1])
    torch.testing.assert_close(linear(x[:, 1], weight, bias), F.linear(x[:, 1], weight, bias), rtol=1e-4, atol=1e-4)
    assert [given.is_contiguous() for given in shown] == [True]


def test_asks_no_gradient_where_none_is_wanted() -> None:
    x, weight, bias = inputs(6, 7)
    linear(x, weight.detach(), bias.detach()).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, weight.sum(0).expand(6, 7).detach())


def test_several_gradients_at_once_are_those_one_by_one() -> None:
    """As the balancings that look at every task's gradient take them."""
    given = inputs(20, 7)
    found, towards = linear(*given), torch.randn(3, 20, 5)
    together = torch.autograd.grad(found, given, towards, is_grads_batched=True, retain_graph=True)
    one_by_one = [torch.autograd.grad(found, given, one, retain_graph=True) for one in towards]
    for one, others in zip(together, zip(*one_by_one, strict=True), strict=True):
        torch.testing.assert_close(one, torch.stack(others))


def test_its_gradient_has_a_gradient() -> None:
    """As a balancing that moves its weights by the gradients' norms takes it."""
    given = inputs(20, 7)
    found = []
    for function in (linear, F.linear):
        (gradient,) = torch.autograd.grad(function(*given).square().sum(), given[1], create_graph=True)
        found.append(torch.autograd.grad(gradient.norm(), given))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("threads", [1, 2])
def test_repeats_to_the_bit(threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        given = inputs(2048, 120, out_width=256)
        towards = torch.randn(2048, 256)
        first, *others = (torch.autograd.grad(linear(*given), given, towards) for _ in range(4))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, same) for other in others for one, same in zip(first, other, strict=True))


def test_a_small_layer_goes_torch_s_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    given = inputs(20, 7)
    assert torch.equal(linear(*given), F.linear(*given))


def test_numbers_of_another_width_go_torch_s_way() -> None:
    given = tuple(tensor.double() for tensor in inputs(20, 7))
    assert torch.equal(linear(*given), F.linear(*given))


def test_the_module_is_torch_s_outside_training() -> None:
    module, x = OneDnnLinear(7, 5), torch.randn(20, 7)
    torch.testing.assert_close(module(x), F.linear(x, module.weight, module.bias), rtol=1e-4, atol=1e-5)
    assert torch.equal(module.eval()(x), F.linear(x, module.weight, module.bias))


def test_a_torch_without_the_product_goes_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_module, "ONEDNN", False)
    monkeypatch.setattr(linear_module, "_Linear", None)
    given = inputs(20, 7)
    assert torch.equal(linear(*given), F.linear(*given))


@pytest.mark.parametrize("built", [True, False])
def test_the_product_is_looked_for_at_import(monkeypatch: pytest.MonkeyPatch, built: bool) -> None:
    """The operator belongs to torch's compiler and is no promise: a torch with oneDNN may lack it."""
    monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace())
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: built)
    assert runpy.run_path(str(linear_module.__file__))["ONEDNN"] is False
