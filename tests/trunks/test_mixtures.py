"""MMoE, CGC, PLE and AdaTT against their papers' equations."""

from itertools import chain

import pytest
import torch
from torch import Tensor, nn

from mtl_core.config.trunks import CGC, PLE, AdaTT, MMoE
from mtl_core.nn.experts import Experts, Gate, mixture
from mtl_core.nn.mlp import MLP
from mtl_core.trunks import Trunk
from tests.trunks.every import TASKS, WIDTH, built, random_rows, stirred


def changed(trunk: Trunk, parameters: str) -> list[bool]:
    """Per task, whether its output changes with the parameters whose names start so."""
    x = random_rows(20)
    before = trunk(x)
    with torch.no_grad():
        found = [parameter for name, parameter in trunk.named_parameters() if name.startswith(parameters)]
        assert found
        for parameter in found:
            parameter += torch.randn_like(parameter)
    return [not torch.equal(one, other) for one, other in zip(before, trunk(x), strict=True)]


def as_mlp(experts: Experts, expert: int) -> MLP:
    """A single expert, as an MLP by itself."""
    width = experts.layers[0].weight.shape[-1]
    mlp = MLP(width, tuple(layer.weight.shape[1] for layer in experts.layers), 0.0)
    linear = [layer for layer in mlp.layers if isinstance(layer, nn.Linear)]
    norms = [layer for layer in mlp.layers if isinstance(layer, nn.LayerNorm)]
    with torch.no_grad():
        for layer, to_linear, to_norm in zip(experts.layers, linear, norms, strict=True):
            to_linear.weight.copy_(layer.weight[expert])
            for to, vector in (
                (to_linear.bias, layer.bias),
                (to_norm.weight, layer.scale),
                (to_norm.bias, layer.shift),
            ):
                to.copy_(vector.view(experts.experts, -1)[expert])
    return mlp


def stirred_experts(experts: int, widths: tuple[int, ...]) -> Experts:
    torch.manual_seed(0)
    found = Experts(experts, WIDTH, widths, 0.0)
    with torch.no_grad():
        for parameter in found.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return found


@pytest.mark.parametrize("experts", [1, 3])
@pytest.mark.parametrize("widths", [(8,), (8, 6)])
def test_experts_are_parallel_mlps(experts: int, widths: tuple[int, ...]) -> None:
    side_by_side = stirred_experts(experts, widths)
    mlps = [as_mlp(side_by_side, expert) for expert in range(experts)]
    same, each = random_rows(5), random_rows(experts, 5)
    torch.testing.assert_close(side_by_side(same), torch.stack([mlp(same) for mlp in mlps]))
    expected = torch.stack([mlp(x) for mlp, x in zip(mlps, each, strict=True)])
    torch.testing.assert_close(side_by_side(*each), expected)


def test_experts_start_as_mlps_do() -> None:
    torch.manual_seed(0)
    weight, bias, scale, shift = Experts(400, 16, (25,), 0.0).parameters()
    linear = nn.Linear(16, 10_000)
    for drawn, reference in ((weight, linear.weight), (bias, linear.bias)):
        torch.testing.assert_close(drawn.abs().max(), reference.abs().max(), rtol=1e-2, atol=0)
        torch.testing.assert_close(drawn.std(), reference.std(), rtol=2e-2, atol=0)
    assert (scale == 1).all()
    assert (shift == 0).all()


def test_a_mixture_is_the_weighted_sum() -> None:
    weights, experts = torch.rand(2, 5, 3), torch.randn(3, 2, 5, 4)
    expected = sum(weights[..., i, None] * experts[i] for i in range(3))
    torch.testing.assert_close(mixture(weights, experts), expected)


def test_gates_share_out_one() -> None:
    trunk, x = stirred(MMoE(experts=5)), 10 * random_rows(50)
    for gate in trunk.gates:
        weights = gate.weights(x)
        assert weights.shape == (50, 5)
        assert (weights >= 0).all()
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(50))
    assert not torch.equal(trunk.gates[0].weights(x), trunk.gates[1].weights(x))


def test_mmoe_of_one_expert_is_that_expert() -> None:
    trunk, x = stirred(MMoE(experts=1, widths=(8, 6))), random_rows(20)
    alone = as_mlp(trunk.experts, 0)(x)
    for output in trunk(x):
        torch.testing.assert_close(output, alone)


def test_a_gate_that_is_sure_takes_one_expert() -> None:
    trunk, x = stirred(MMoE(experts=3, widths=(8,))), random_rows(20)
    with torch.no_grad():
        for task, gate in enumerate(trunk.gates):
            gate.linear.weight.zero_()
            gate.linear.bias.copy_(1e4 * nn.functional.one_hot(torch.tensor(2 - task), 3))
    for task, output in enumerate(trunk(x)):
        torch.testing.assert_close(output, as_mlp(trunk.experts, 2 - task)(x))


def gated(gate: Gate, x: Tensor, experts: list[Tensor]) -> Tensor:
    """softmax(W x + b) times the experts, written out."""
    logits = x @ gate.linear.weight.T + gate.linear.bias
    shares = logits.exp() / logits.exp().sum(dim=-1, keepdim=True)
    return sum((shares[:, i : i + 1] * expert for i, expert in enumerate(experts)), torch.zeros(()))


def test_mmoe_is_its_equation() -> None:
    trunk, x = stirred(MMoE(experts=3, widths=(8,))), random_rows(20)
    experts = [as_mlp(trunk.experts, i)(x) for i in range(3)]
    for gate, output in zip(trunk.gates, trunk(x), strict=True):
        torch.testing.assert_close(output, gated(gate, x, experts))


def test_cgc_is_ple_of_one_level() -> None:
    options = {"experts": 2, "shared_experts": 3, "widths": (8, 6)}
    cgc, ple = built(CGC(**options), seed=5), built(PLE(**options, levels=1), seed=5)
    assert all(torch.equal(a, b) for a, b in zip(cgc.parameters(), ple.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(cgc(random_rows(20)), ple(random_rows(20)), strict=True))


def test_ple_is_its_equations() -> None:
    trunk, x = stirred(PLE(experts=2, shared_experts=1, levels=2, widths=(8,))), random_rows(20)
    tasks, shared = [x] * TASKS, x
    for level in trunk.levels:
        own = [[as_mlp(level.experts[k], i)(tasks[k]) for i in range(2)] for k in range(TASKS)]
        common = [as_mlp(level.shared_experts, 0)(shared)]
        tasks = [gated(level.gates[k], tasks[k], own[k] + common) for k in range(TASKS)]
        if level.shared_gate is not None:
            shared = gated(level.shared_gate, shared, [*chain(*own), *common])
    assert trunk.levels[-1].shared_gate is None
    for output, expected in zip(trunk(x), tasks, strict=True):
        torch.testing.assert_close(output, expected)


def test_an_expert_of_a_task_serves_it_alone_at_the_last_level_and_everyone_below() -> None:
    trunk = stirred(PLE(levels=2))
    assert changed(trunk, "levels.1.experts.0.") == [True, False, False]
    assert changed(trunk, "levels.0.gates.0.") == [True, False, False]
    assert changed(trunk, "levels.0.experts.0.") == [True, True, True]
    assert changed(stirred(CGC()), "levels.0.experts.1.") == [False, True, False]


@pytest.mark.parametrize(("experts", "shared"), [(1, 0), (2, 0), (1, 1), (1, 2), (3, 2)])
def test_adatt_is_its_equations(experts: int, shared: int) -> None:
    """Equations 7 to 10, each part by itself; units without a choice take their native expert as it is."""
    options = AdaTT(experts=experts, shared_experts=shared, levels=2, widths=(8,))
    trunk, x = stirred(options), random_rows(20)
    natives = [experts] * TASKS + [shared] * (shared > 0)
    streams = [x] * len(natives)
    for level, units in zip(trunk.levels, (len(natives), TASKS), strict=True):
        assert len(level.units) == units
        found: list[list[Tensor]] = []
        for stream, native in zip(streams, natives, strict=True):
            first = sum(len(group) for group in found)
            found.append([as_mlp(level.experts, first + i)(stream) for i in range(native)])
        streams = [
            gated(unit.gate, streams[i], list(chain(*found)))
            + sum((weight * expert for weight, expert in zip(unit.native, found[i], strict=True)), torch.zeros(()))
            for i, unit in enumerate(level.units)
        ]
    for output, expected in zip(trunk(x), streams, strict=True):
        torch.testing.assert_close(output, expected)


def test_adatt_starts_from_the_mean_of_native_experts() -> None:
    for experts in (1, 2, 4):
        for unit in built(AdaTT(experts=experts)).levels[0].units:
            torch.testing.assert_close(unit.native, torch.full((experts,), 1 / experts))
            assert isinstance(unit.native, nn.Parameter) == (experts > 1)


def test_in_adatt_every_task_takes_from_every_expert() -> None:
    trunk = stirred(AdaTT(levels=2))
    assert changed(trunk, "levels.1.units.0.") == [True, False, False]
    assert changed(trunk, "levels.0.units.0.") == [True, True, True]
