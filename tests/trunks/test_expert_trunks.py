"""MMoE, CGC, PLE and AdaTT against the equations of their papers."""

from itertools import chain

import pytest
import torch
from torch import Tensor, nn

from mtl_core.config.trunks import CGC, PLE, AdaTT, MMoE
from mtl_core.nn.experts import Experts, Gate
from mtl_core.nn.mlp import MLP
from tests.trunks.cases import TASKS, built, perturbed, random_rows


def as_mlp(experts: Experts, expert: int) -> MLP:
    """An MLP with the weights of one expert."""
    width = experts.layers[0].weight.shape[-1]
    mlp = MLP(width, tuple(layer.weight.shape[1] for layer in experts.layers), 0.0)
    linear = [layer for layer in mlp.layers if isinstance(layer, nn.Linear)]
    norms = [layer for layer in mlp.layers if isinstance(layer, nn.LayerNorm)]
    with torch.no_grad():
        for layer, to_linear, to_norm in zip(experts.layers, linear, norms, strict=True):
            to_linear.weight.copy_(layer.weight[expert])
            to_linear.bias.copy_(layer.bias.view(experts.experts, -1)[expert])
            to_norm.weight.copy_(layer.scale.view(experts.experts, -1)[expert])
            to_norm.bias.copy_(layer.shift.view(experts.experts, -1)[expert])
    return mlp


@pytest.mark.parametrize("experts", [1, 3])
@pytest.mark.parametrize("widths", [(8,), (8, 6)])
def test_experts_are_parallel_mlps(experts: int, widths: tuple[int, ...]) -> None:
    parallel = perturbed(MMoE(experts=experts, widths=widths)).experts
    mlps = [as_mlp(parallel, expert) for expert in range(experts)]
    common, separate = random_rows(5), random_rows(experts, 5)
    torch.testing.assert_close(parallel(common), torch.stack([mlp(common) for mlp in mlps]))
    expected = torch.stack([mlp(x) for mlp, x in zip(mlps, separate, strict=True)])
    torch.testing.assert_close(parallel(*separate), expected)


def test_experts_have_the_initial_distribution_of_linear_layers() -> None:
    torch.manual_seed(0)
    weight, bias, scale, shift = Experts(400, 16, (25,), 0.0).parameters()
    linear = nn.Linear(16, 10_000)
    for values, reference in ((weight, linear.weight), (bias, linear.bias)):
        torch.testing.assert_close(values.abs().max(), reference.abs().max(), rtol=1e-2, atol=0)
        torch.testing.assert_close(values.std(), reference.std(), rtol=2e-2, atol=0)
    assert (scale == 1).all()
    assert (shift == 0).all()


def gated(gate: Gate, x: Tensor, experts: list[Tensor]) -> Tensor:
    """softmax(W x + b) times the experts."""
    logits = x @ gate.linear.weight.T + gate.linear.bias
    weights = logits.exp() / logits.exp().sum(dim=-1, keepdim=True)
    return sum((weights[:, i : i + 1] * expert for i, expert in enumerate(experts)), torch.zeros(()))


def test_mmoe_is_its_equation() -> None:
    trunk, x = perturbed(MMoE(experts=3, widths=(8,))), random_rows(20)
    experts = [as_mlp(trunk.experts, i)(x) for i in range(3)]
    for gate, output in zip(trunk.gates, trunk(x), strict=True):
        torch.testing.assert_close(output, gated(gate, x, experts))


def test_cgc_is_ple_of_one_level() -> None:
    options = {"experts": 2, "shared_experts": 3, "widths": (8, 6)}
    cgc, ple = built(CGC(**options), seed=5), built(PLE(**options, levels=1), seed=5)
    assert all(torch.equal(a, b) for a, b in zip(cgc.parameters(), ple.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(cgc(random_rows(20)), ple(random_rows(20)), strict=True))


def test_ple_is_its_equations() -> None:
    trunk, x = perturbed(PLE(experts=2, shared_experts=1, levels=2, widths=(8,))), random_rows(20)
    tasks, shared = [x] * TASKS, x
    for level in trunk.levels:
        per_task = [[as_mlp(level.experts[k], i)(tasks[k]) for i in range(2)] for k in range(TASKS)]
        common = [as_mlp(level.shared_experts, 0)(shared)]
        tasks = [gated(level.gates[k], tasks[k], per_task[k] + common) for k in range(TASKS)]
        if level.shared_gate is not None:
            shared = gated(level.shared_gate, shared, [*chain(*per_task), *common])
    assert trunk.levels[-1].shared_gate is None
    for output, expected in zip(trunk(x), tasks, strict=True):
        torch.testing.assert_close(output, expected)


@pytest.mark.parametrize(("experts", "shared"), [(1, 0), (2, 0), (1, 1), (1, 2), (3, 2)])
def test_adatt_is_its_equations(experts: int, shared: int) -> None:
    """Equations 7 to 10; a single native expert has the constant weight 1."""
    options = AdaTT(experts=experts, shared_experts=shared, levels=2, widths=(8,))
    trunk, x = perturbed(options), random_rows(20)
    natives = [experts] * TASKS + [shared] * (shared > 0)
    streams = [x] * len(natives)
    for level, units in zip(trunk.levels, (len(natives), TASKS), strict=True):
        assert len(level.units) == units
        experts_of: list[list[Tensor]] = []
        for stream, native in zip(streams, natives, strict=True):
            first = sum(map(len, experts_of))
            experts_of.append([as_mlp(level.experts, first + i)(stream) for i in range(native)])
        streams = [
            gated(unit.gate, streams[i], list(chain(*experts_of)))
            + sum((weight * expert for weight, expert in zip(unit.native, experts_of[i], strict=True)), torch.zeros(()))
            for i, unit in enumerate(level.units)
        ]
    for output, expected in zip(trunk(x), streams, strict=True):
        torch.testing.assert_close(output, expected)


def test_native_weights_of_adatt_start_as_the_mean() -> None:
    for experts in (1, 2, 4):
        for unit in built(AdaTT(experts=experts)).levels[0].units:
            torch.testing.assert_close(unit.native, torch.full((experts,), 1 / experts))
            assert isinstance(unit.native, nn.Parameter) == (experts > 1)
