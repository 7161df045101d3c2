"""Inputs of balancers: losses with given gradients, and a small network of three regressions with a shared trunk."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from mtl_core.balancing import Balancer, Losses, SharedParameters
from mtl_core.config import AnyBalancing, Balancing
from mtl_core.nn.deterministic import deterministic

ADAPTER: TypeAdapter[Balancing] = TypeAdapter(AnyBalancing)
TASKS = ("a", "b", "c")

SCALARISATIONS: dict[str, dict[str, Any]] = {
    "constant": {"weights": {"c": 2.0}},
    "mean": {},
    "sum": {},
    "random": {},
    "uw": {},
    "dwa": {"temperature": 0.5},
    "geometric_mean": {},
    "inverse_loss": {},
    "imtl_l": {},
    "famo": {},
    "stch": {"preference": {"c": 2.0}},
    "pbi": {"theta": 0.2, "preference": {"c": 2.0}},
    "cosmos": {"preference": {"c": 2.0}},
}
AGGREGATIONS: dict[str, dict[str, Any]] = {
    "upgrad": {"preference": {"c": 2.0}},
    "dual_proj": {},
    "pcgrad": {},
    "gradvac": {"beta": 0.5},
    "graddrop": {"leak": {"c": 0.25}},
    "config": {},
    "mgda": {},
    "cagrad": {},
    "imtl_g": {},
    "nash_mtl": {"every": 2, "iterations": 5},
    "aligned_mtl": {},
    "fairgrad": {},
    "excess_mtl": {"step_size": 0.5, "warm_up": 1},
}
METHODS = SCALARISATIONS | AGGREGATIONS | {"gradnorm": {}}
"""Every method -> options; not the defaults where these have no effect."""
RANDOMISED = ("random", "pcgrad", "gradvac", "graddrop")
"""Methods that draw random numbers."""


def options_of(method: str, **options: Any) -> Balancing:
    """Options of a method, parsed like those of params.yaml."""
    return ADAPTER.validate_python({"method": method, **options})


def built(method: str, tasks: tuple[str, ...] = TASKS, **options: Any) -> Balancer:
    """A balancer of that method, by default with the options in `METHODS`."""
    return options_of(method, **(options or METHODS[method])).build(tasks)


def shared_gradient(
    balancer: Balancer, jacobian: Tensor, values: Tensor | None = None, positions: Collection[int] | None = None
) -> Tensor:
    """Combined gradient (width,) of losses with those gradients (losses, width) and values (losses,), by default 1."""
    point = nn.Parameter(torch.zeros(jacobian.shape[1]))
    values = torch.ones(len(jacobian)) if values is None else values
    positions = range(len(jacobian)) if positions is None else positions
    losses = {position: row @ point + value for position, row, value in zip(positions, jacobian, values, strict=True)}
    balancer.backward(losses, SharedParameters(parameters=(point,), last=point))
    assert point.grad is not None
    return point.grad


class Toy(nn.Module):
    """(rows, 4) -> (rows,) per task. The loss of task c alone depends on `bridge`, which counts as shared."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(4, 7), nn.Tanh(), nn.Linear(7, 5), nn.Tanh())
        self.bridge = nn.Parameter(torch.ones(5))
        self.heads = nn.ModuleList(nn.Linear(5, 1) for _ in TASKS)

    def forward(self, x: Tensor) -> list[Tensor]:
        shared = self.trunk(x)
        return [head(shared * self.bridge if task == 2 else shared)[:, 0] for task, head in enumerate(self.heads)]

    def shared(self) -> SharedParameters:
        return SharedParameters(parameters=(*self.trunk.parameters(), self.bridge), last=self.trunk[2].weight)


class ToyTraining:
    """Training of a toy as in the training loop. `present`: step -> the tasks that take part in it."""

    def __init__(self, method: str, *, present: Callable[[int], Collection[int]] = lambda step: range(3)) -> None:
        torch.manual_seed(0)
        self.network, self.balancer, self.present = Toy(), built(method), present
        self.modules = {"network": self.network, "balancing": self.balancer}
        groups = [{"params": list(module.parameters())} for module in self.modules.values()]
        self.optimizer = torch.optim.AdamW([group for group in groups if group["params"]], lr=0.02, fused=True)
        generator = torch.Generator().manual_seed(1)
        self.x = torch.randn(12, 16, 4, generator=generator)  # (steps, rows, 4)
        mixing = torch.randn(4, 3, generator=generator)
        scales = torch.tensor([1.0, 0.3, 3.0])
        self.y = torch.tanh(self.x @ mixing) * scales + 0.1 * torch.randn(12, 16, 3, generator=generator)

    def losses(self, step: int) -> Losses:
        outputs = self.network(self.x[step])
        return {task: (outputs[task] - self.y[step, :, task]).square().mean() for task in self.present(step)}

    def step(self, step: int) -> Mapping[int, float]:
        self.optimizer.zero_grad()
        losses = self.losses(step)
        self.balancer.backward(losses, self.network.shared())
        self.optimizer.step()

        with torch.no_grad():
            self.balancer.after_step(lambda: self.losses(step))
        return {task: loss.item() for task, loss in losses.items()}

    def epoch(self, number: int, steps: int = 6) -> dict[int, float]:
        """Train an epoch and return the mean loss of each task that took part."""
        with deterministic(threads=1):
            torch.manual_seed(100 + number)
            self.balancer.before_epoch()
            losses = [self.step(step) for step in range(steps)]
        means = {}
        for task in range(3):
            values = [by_task[task] for by_task in losses if task in by_task]
            if values:
                means[task] = sum(values) / len(values)
        self.balancer.after_epoch(means)
        return means

    def state(self) -> dict[str, Tensor]:
        """Copies of the state of network, balancer and optimiser."""
        state = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        state |= {f"balancer.{name}": tensor for name, tensor in self.balancer.state_dict().items()}
        for position, values in self.optimizer.state_dict()["state"].items():
            state |= {f"optimizer.{position}.{name}": tensor for name, tensor in values.items()}
        return {name: tensor.clone() for name, tensor in state.items()}


def same(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    """True if all tensors are bit-identical, NaN included."""
    return a.keys() == b.keys() and all(_bits(a[name]) == _bits(b[name]) for name in a)


def _bits(tensor: Tensor) -> bytes:
    return tensor.detach().numpy().tobytes()
