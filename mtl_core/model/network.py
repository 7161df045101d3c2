"""The network: input layer, members, trunk, heads and calibration; and its predictions."""

from collections.abc import Mapping, Sequence
from typing import Self, cast

import torch
from torch import Tensor, nn

from mtl_core.balancing import SharedParameters
from mtl_core.config import HeadOptions, Model, Problem
from mtl_core.data.encoder import Encoder
from mtl_core.model.head import Head
from mtl_core.model.inputs import InputLayer, Inputs
from mtl_core.nn.calibration import Calibration
from mtl_core.nn.decision import DecisionThresholds
from mtl_core.nn.members import MemberHeads, MemberInputs
from mtl_core.nn.private import PrivateLayers
from mtl_core.tasks import Objective, objectives
from mtl_core.tasks.calibrated import CalibratedObjective
from mtl_core.tasks.decisions import DecisionObjective


def to_predictions(objective: Objective, logits: Tensor, calibration: nn.Module | None = None) -> Tensor:
    """(B, outputs) logits of any model -> (B, ...) predictions in the user's units.

    (B, L, outputs) -> (B, L, ...) for a task of level token. The logits are calibrated where a calibration is given.
    The only caller of the inverse link.
    """
    calibrated = logits if calibration is None else calibration(logits)
    if calibrated.ndim == 2 or objective.decodes_rows:
        return objective.inverse_link(calibrated)
    predictions = objective.inverse_link(calibrated.flatten(0, 1))
    return predictions.reshape(*calibrated.shape[:2], *predictions.shape[1:])


class Network(nn.Module):
    """Blocks of a batch by name -> logits per task.

    {task: (B, outputs)}, (B, L, outputs) for a task of level token; in training, with members, (..., members, outputs).
    """

    def __init__(self, encoder: Encoder, objectives: tuple[Objective, ...], options: Model) -> None:
        super().__init__()
        unsupervised = any(objective.unsupervised for objective in objectives)
        self.member_count = options.members_for(encoder.rows, unsupervised=unsupervised)
        self._objectives = objectives
        self.tasks = tuple(objective.name for objective in objectives)
        separate_inputs = options.trunk.separate_inputs
        inputs = [InputLayer(encoder, options) for _ in range(len(self.tasks) if separate_inputs else 1)]
        self.inputs = nn.ModuleList(inputs)
        has_members = self.member_count > 1
        self.members = nn.ModuleList(MemberInputs(layer.width, self.member_count) for layer in inputs if has_members)
        self.trunk = options.trunk.build(inputs[0].width, len(self.tasks))
        self.private = PrivateLayers(inputs[0].width, options.private, len(self.tasks))
        # Lists, not dicts by name: a task may have the name of a module's attribute.
        width = self.trunk.out_width + options.private
        self.heads = nn.ModuleList(self._head(options.head, width, objective) for objective in objectives)
        calibrated = (
            objective.outputs if isinstance(objective, CalibratedObjective) else 0 for objective in objectives
        )
        self.calibration = nn.ModuleList(Calibration(outputs) for outputs in calibrated)
        self.decisions = nn.ModuleList(_decision(objective) for objective in objectives)
        self._separate_inputs = separate_inputs
        self._sequences = tuple(objective.codec.sequence for objective in objectives)

    @classmethod
    def build(cls, problem: Problem, encoder: Encoder) -> Self:
        """The network that the problem declares, for the tasks of the encoder."""
        return cls(encoder, objectives(problem.tasks, encoder.tasks), problem.model)

    @classmethod
    def seeded(cls, problem: Problem, encoder: Encoder, seed: int) -> Self:
        """The network with the initial weights of that seed."""
        torch.manual_seed(seed)
        return cls.build(problem, encoder)

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The tasks' objectives, with metrics at the tuned thresholds."""
        pairs = zip(self._objectives, self.decisions, strict=True)
        return tuple(_with_tuned_thresholds(objective, decision) for objective, decision in pairs)

    def represent(self, inputs: dict[str, Tensor]) -> tuple[Tensor, ...]:
        """Blocks -> inputs of the heads, per task in order.

        (B, width), or (B, L, width) for level token; with members (..., members, width). The trunk's output, followed
        by that of the task's private layer if there is one.
        """
        return self._represent([layer(inputs) for layer in self.inputs])

    def _represent(self, encoded: Sequence[Inputs]) -> tuple[Tensor, ...]:
        by_sequence = {
            sequence: self._represent_level(encoded, sequence) for sequence in dict.fromkeys(self._sequences)
        }
        return tuple(by_sequence[sequence][position] for position, sequence in enumerate(self._sequences))

    def _represent_level(self, encoded: Sequence[Inputs], sequence: str) -> tuple[Tensor, ...]:
        """The inputs of all heads for rows or, with a sequence, for its items."""
        # (B, width) or (B, L, width) each
        x = [inputs.tokens(sequence) if sequence else inputs.row for inputs in encoded]
        if self.members:
            x = [members(rows) for members, rows in zip(self.members, x, strict=True)]
        shared: tuple[Tensor, ...] = self.trunk(torch.stack(x, dim=-2) if self._separate_inputs else x[0])
        if not self.private:
            return shared
        return tuple(torch.cat(parts, dim=-1) for parts in zip(shared, self.private(x), strict=True))

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        encoded: list[Inputs] = [layer(inputs) for layer in self.inputs]
        logits = {}
        for objective, head, x in zip(self._objectives, self.heads, self._represent(encoded), strict=True):
            sequence = objective.codec.sequence
            task_logits = head(x)
            if sequence:
                task_logits = objective.without_items(task_logits, encoded[0].sequences[sequence].mask)
            logits[objective.name] = task_logits
        return logits

    def predict(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Blocks -> predictions per task in the user's units: (B,) or (B, classes); of tokens (B, L, ...)."""
        return self.predictions(self(inputs))

    def predictions(self, logits: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Logits of some tasks -> their predictions in the user's units."""
        parts = zip(self._objectives, self.calibration, strict=True)
        return {
            objective.name: to_predictions(objective, logits[objective.name], calibration)
            for objective, calibration in parts
            if objective.name in logits
        }

    def task_parameters(self, task: int) -> tuple[nn.Parameter, ...]:
        """The parameters that only that task uses: head, calibration, private layer, its part of inputs and trunk."""
        inputs = list(self.inputs[task].parameters()) if self._separate_inputs else []
        inputs += self.members[task].parameters() if self._separate_inputs and self.members else []
        inputs += self.private[task].parameters() if self.private else []
        heads = (*self.heads[task].parameters(), *self.calibration[task].parameters())
        return (*inputs, *self.trunk.task_parameters(task), *heads)

    def _head(self, options: HeadOptions, width: int, objective: Objective) -> nn.Module:
        heads = [Head(options, width, objective) for _ in range(self.member_count)]
        return MemberHeads(heads) if len(heads) > 1 else heads[0]

    @property
    def input_scales(self) -> tuple[nn.Parameter, ...]:
        """The learned scales of the inputs."""
        return tuple(cast(InputLayer, layer).scale for layer in self.inputs)

    def shared(self) -> SharedParameters:
        """The parameters that several tasks use."""
        task_specific = {id(parameter) for task in range(len(self.tasks)) for parameter in self.task_parameters(task)}
        parameters = tuple(parameter for parameter in self.parameters() if id(parameter) not in task_specific)
        matrices = (parameter for parameter in reversed(parameters) if parameter.ndim > 1)
        return SharedParameters(parameters=parameters, last=next(matrices, None))


def _decision(objective: Objective) -> DecisionThresholds:
    """The initial thresholds if they are tuned; without outputs for any other task."""
    if isinstance(objective, DecisionObjective) and objective.options.rule is not None:
        return DecisionThresholds(objective.outputs, objective.options.initial_threshold)
    return DecisionThresholds(0, 0.5)


def _with_tuned_thresholds(objective: Objective, decision: nn.Module) -> Objective:
    assert isinstance(decision, DecisionThresholds)
    if decision.outputs and isinstance(objective, DecisionObjective):
        return objective.with_thresholds(decision.values)
    return objective
