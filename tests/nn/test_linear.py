"""The linear layer of training: values and gradients equal to torch's, batched gradients, and reproducibility."""

import runpy
from collections.abc import Iterable
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import mtl_core.nn.linear as linear_module
from mtl_core.nn.linear import OneDnnLinear, linear

pytestmark = pytest.mark.skipif(not linear_module.ONEDNN, reason="this torch has no oneDNN product")


@pytest.fixture(autouse=True)
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use oneDNN for products of any size."""
    monkeypatch.setattr(linear_module, "MIN_PRODUCTS", 1)


def assert_all_close(tensors: Iterable[Tensor], expected: Iterable[Tensor]) -> None:
    for tensor, other in zip(tensors, expected, strict=True):
        torch.testing.assert_close(tensor, other, rtol=1e-4, atol=1e-3)


def inputs(*shape: int, out_width: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    shapes = (shape, (out_width, shape[-1]), (out_width,))
    return tuple(torch.randn(size, requires_grad=True) for size in shapes)  # type: ignore[return-value]


@pytest.mark.parametrize("shape", [(7,), (1, 7), (40, 7), (3, 4, 7), (0, 7), (2048, 120)])
def test_values_and_gradients_equal_torch(shape: tuple[int, ...]) -> None:
    args = inputs(*shape)
    out, expected = linear(*args), F.linear(*args)
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-4)
    direction = torch.randn_like(expected)
    assert_all_close(torch.autograd.grad(out, args, direction), torch.autograd.grad(expected, args, direction))


def test_rows_that_are_not_contiguous_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, bias = inputs(6, 3, 7)
    contiguous = []
    apply = linear_module._Linear.apply
    monkeypatch.setattr(
        linear_module._Linear, "apply", lambda x, *args: contiguous.append(x.is_contiguous()) or apply(x, *args)
    )
    torch.testing.assert_close(linear(x[:, 1], weight, bias), F.linear(x[:, 1], weight, bias), rtol=1e-4, atol=1e-4)
    assert contiguous == [True]


def test_gradient_of_the_input_only() -> None:
    x, weight, bias = inputs(6, 7)
    linear(x, weight.detach(), bias.detach()).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, weight.sum(0).expand(6, 7).detach())


def test_batched_gradients_equal_separate_ones() -> None:
    """Balancings that need every task's gradient use batched gradients."""
    args = inputs(20, 7)
    out, directions = linear(*args), torch.randn(3, 20, 5)
    batched = torch.autograd.grad(out, args, directions, is_grads_batched=True, retain_graph=True)
    separate = [torch.autograd.grad(out, args, direction, retain_graph=True) for direction in directions]
    assert_all_close(batched, map(torch.stack, zip(*separate, strict=True)))


def test_second_derivatives_equal_torch() -> None:
    """A balancing that moves its weights by the gradients' norms needs them."""
    args = inputs(20, 7)
    results = []
    for function in (linear, F.linear):
        (gradient,) = torch.autograd.grad(function(*args).square().sum(), args[1], create_graph=True)
        results.append(torch.autograd.grad(gradient.norm(), args))
    assert_all_close(*results)


@pytest.mark.parametrize("threads", [1, 2])
def test_repetitions_are_identical(threads: int) -> None:
    threads_before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        args = inputs(2048, 120, out_width=256)
        direction = torch.randn(2048, 256)
        first, *others = (torch.autograd.grad(linear(*args), args, direction) for _ in range(4))
    finally:
        torch.set_num_threads(threads_before)
    assert all(torch.equal(*pair) for other in others for pair in zip(first, other, strict=True))


def test_a_small_layer_uses_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    args = inputs(20, 7)
    assert torch.equal(linear(*args), F.linear(*args))


def test_float64_uses_torch() -> None:
    args = tuple(tensor.double() for tensor in inputs(20, 7))
    assert torch.equal(linear(*args), F.linear(*args))


def test_a_torch_without_the_operator_uses_its_own_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_module, "ONEDNN", False)
    monkeypatch.setattr(linear_module, "_Linear", None)
    args = inputs(20, 7)
    assert torch.equal(linear(*args), F.linear(*args))


def test_the_module_equals_torch_in_evaluation() -> None:
    module, x = OneDnnLinear(7, 5), torch.randn(20, 7)
    torch.testing.assert_close(module(x), F.linear(x, module.weight, module.bias), rtol=1e-4, atol=1e-5)
    assert torch.equal(module.eval()(x), F.linear(x, module.weight, module.bias))


@pytest.mark.parametrize("built", [True, False])
def test_onednn_is_off_without_the_operator(monkeypatch: pytest.MonkeyPatch, built: bool) -> None:
    """The operator belongs to torch's compiler: a torch with oneDNN may lack it."""
    monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace())
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: built)
    assert runpy.run_path(str(linear_module.__file__))["ONEDNN"] is False
