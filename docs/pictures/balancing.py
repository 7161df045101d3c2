"""Cost of a step with each balancing method, and the task that it favours if one loss is a hundred times the other.

    python docs/pictures/balancing.py [FILE]

FILE is the output of `python benchmarks/balancing.py`; without it the benchmark runs first. In addition to the costs, a
synthetic problem is trained: two regressions that share a layer too narrow for both, where the loss of one is a hundred
times the other's. Both tasks are equally hard, so a difference between them is an effect of the method. Takes some
minutes on one thread.
"""

import statistics
from collections.abc import Iterator
from typing import Any

import altair as alt
import torch
from drawing import benchmark_ratios, parse_arguments, rounded, save
from torch import Tensor, nn

from mtl_core.balancing import Losses, SharedParameters
from mtl_core.config import AnyBalancing, Balancing
from mtl_core.report.theme import ACCENT, CARD, INK, MUTED, SECOND, data
from mtl_core.schema import tagged

TASKS = ("large", "small")
LOSS_RATIO = 100.0
"""Ratio of the large loss to the small one at the start."""
WIDTH, NARROW, NEEDED = 16, 3, 4
"""Width of the input, width of the shared layer, and number of input directions that each task needs."""
EPOCHS, STEPS, ROWS, SEEDS = 30, 20, 256, 5
OPTIONS: dict[str, dict[str, Any]] = {"constant": {"weights": {"large": 1 / LOSS_RATIO}}}
ROW = 21


def methods() -> dict[str, Balancing]:
    """Method -> its options, in the order of the union: methods on losses first."""
    return {method: member(**OPTIONS.get(method, {})) for method, member in tagged(AnyBalancing).items()}


class SyntheticProblem:
    """Two tasks, a shared layer and a balancing."""

    def __init__(self, options: Balancing, seed: int) -> None:
        torch.manual_seed(seed)
        self.directions = torch.randn(2, WIDTH, NEEDED) / WIDTH**0.5
        self.mixing = torch.randn(2, NEEDED)
        self.trunk = nn.Sequential(nn.Linear(WIDTH, NARROW), nn.Tanh())
        self.heads = nn.ModuleList(nn.Linear(NARROW, 1) for _ in TASKS)
        self.balancer = options.build(TASKS)
        parameters = [*self.trunk.parameters(), *self.heads.parameters(), *self.balancer.parameters()]
        self.optimizer = torch.optim.AdamW(parameters, lr=0.01, weight_decay=0.0)
        self.shared = SharedParameters(parameters=tuple(self.trunk.parameters()), last=self.trunk[0].weight)
        self.spread = [self.target(task, torch.randn(20_000, WIDTH)).std() for task in range(2)]

    def target(self, task: int, x: Tensor) -> Tensor:  # (B, WIDTH) -> (B,)
        return torch.tanh(x @ self.directions[task]) @ self.mixing[task]

    def unexplained_variance(self, task: int, x: Tensor) -> Tensor:
        """Share of the target's variance that the task does not explain: its loss without the scale."""
        target = self.target(task, x) / self.spread[task]
        return (self.heads[task](self.trunk(x))[:, 0] - target).square().mean()

    def losses(self, x: Tensor) -> Losses:
        return {0: LOSS_RATIO * self.unexplained_variance(0, x), 1: self.unexplained_variance(1, x)}

    def train(self) -> list[float]:
        """Train, and return the explained share of variance per task on new rows."""
        for _ in range(EPOCHS):
            self.balancer.before_epoch()
            losses_of_steps = list(self._epoch())
            self.balancer.after_epoch(
                {task: statistics.mean(losses[task] for losses in losses_of_steps) for task in range(2)}
            )
        with torch.no_grad():
            x = torch.randn(20_000, WIDTH)
            return [1 - self.unexplained_variance(task, x).item() for task in range(2)]

    def _epoch(self) -> Iterator[dict[int, float]]:
        for _ in range(STEPS):
            x = torch.randn(ROWS, WIDTH)
            losses = self.losses(x)
            self.optimizer.zero_grad()
            self.balancer.backward(losses, self.shared)
            self.optimizer.step()
            self.balancer.after_step(lambda x=x: self._losses_now(x))
            yield {task: loss.item() for task, loss in losses.items()}

    def _losses_now(self, x: Tensor) -> Losses:
        with torch.no_grad():
            return self.losses(x)


def explained(options: Balancing) -> dict[str, float]:
    """Task -> explained share of variance, mean over seeds."""
    explained_of_seeds = [SyntheticProblem(options, seed).train() for seed in range(SEEDS)]
    explained_of_tasks = zip(*explained_of_seeds, strict=True)
    return {task: rounded(statistics.mean(values)) for task, values in zip(TASKS, explained_of_tasks, strict=True)}


def cost_panel(rows: list[dict[str, Any]], y: alt.Y) -> alt.LayerChart:
    """Processor time of a step per method, relative to `sum`."""
    axis = alt.Axis(title="processor time of a step, sum = 1", tickCount=5)
    maximum = max(row["cost"] for row in rows)
    x = alt.X("cost:Q", scale=alt.Scale(domain=[0, maximum * 1.12]), axis=axis)
    base = alt.Chart(data(rows)).encode(x=x, y=y)
    layers = [
        base.mark_rule(color=MUTED, opacity=0.5).encode(x2=alt.datum(0)),
        base.mark_point(color=ACCENT, fill=ACCENT, size=50, opacity=1),
        base.mark_text(color=INK, align="left", dx=8, fontSize=10.5).encode(text=alt.Text("cost:Q", format=".1f")),
    ]
    return alt.layer(*layers).properties(width=260, height=ROW * len(rows))


def synthetic_panel(rows: list[dict[str, Any]], y: alt.Y) -> alt.LayerChart:
    """Variance explained of the two tasks of the synthetic problem per method."""
    axis = alt.Axis(title="variance explained: small loss orange, large blue", format="~%", tickCount=5)
    scale = alt.Scale(domain=[min(0.0, *(row["small"] for row in rows)), 1])
    base = alt.Chart(data(rows)).encode(y=y)
    layers = [
        base.mark_rule(color=MUTED, opacity=0.5).encode(x=alt.X("small:Q", scale=scale, axis=axis), x2="large:Q"),
        base.mark_point(color=CARD, fill=ACCENT, size=60, opacity=1).encode(x=alt.X("large:Q", scale=scale)),
        base.mark_point(color=CARD, fill=SECOND, size=60, opacity=1).encode(x=alt.X("small:Q", scale=scale)),
    ]
    return alt.layer(*layers).properties(width=280, height=ROW * len(rows))


def main() -> None:
    """Run the benchmark and the trainings, and write the picture and its numbers."""
    output = parse_arguments(__doc__, file=True).file
    torch.set_num_threads(1)
    cost, explained_by_method = {"sum": 1.0} | benchmark_ratios(output, "balancing.py"), {}
    for method, options in methods().items():
        explained_by_method[method] = explained(options)
        print(method, explained_by_method[method])
    rows = [{"method": method, "cost": cost[method], **values} for method, values in explained_by_method.items()]
    named = alt.Y(
        "method:N",
        sort=list(explained_by_method),
        axis=alt.Axis(title=None, grid=False, labelColor=INK, labelFontSize=12, minExtent=112),
    )
    plain = alt.Y("method:N", sort=list(explained_by_method), axis=None)
    chart = alt.hconcat(cost_panel(rows, named), synthetic_panel(rows, plain), spacing=24)
    label = "Per method: processor time of a step relative to sum, and explained variance of a small and a large task"
    numbers = {"cost": cost, "explained": explained_by_method, "times": LOSS_RATIO, "seeds": SEEDS}
    save("balancing", chart, label, numbers)


if __name__ == "__main__":
    main()
