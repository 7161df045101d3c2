"""Scores of stored versions on the rows of a month that none of them could know."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from flows.layout import Layout
from flows.studies.replay.cadence import CadenceFolder
from mtl_core.data.encoder import Encoder
from mtl_core.data.parts import open_data
from mtl_core.data.prepare import read_quarantine, valid_rows
from mtl_core.evaluation import Arrays, compare
from mtl_core.export.exported_model import ExportedModel
from mtl_core.metrics import Array
from mtl_core.numbers import Number, finite_or_none
from mtl_core.ragged import flat
from mtl_core.report.metric_names import unit_of
from mtl_core.studies.replay.record import Change, ReplayedTask
from mtl_core.tasks import Objective, objectives


@dataclass(frozen=True, kw_only=True)
class MonthRows:
    """The valid rows of a month, with their labels."""

    table: pa.Table
    encoder: Encoder
    tasks: tuple[Objective, ...]
    labels: Mapping[str, Array]
    present: ExportedModel
    """The newest export; tasks that a model defines differently cannot be scored on these labels."""

    @classmethod
    def read(cls, cadence: CadenceFolder, part: str) -> "MonthRows":
        """The rows of a part that `validate` does not quarantine."""
        folder, layout = cadence.path, Layout(cadence.path)
        problem, parts = open_data(folder, cadence.problem)
        encoder = Encoder.load(layout.encoder)
        (of_month,) = (each for each in parts if each.name == part)
        columns = [column for column in problem.columns if column in of_month.names]
        batches = list(valid_rows(of_month, columns, read_quarantine(layout.quarantine)))
        table = pa.Table.from_batches(batches)
        labels = {name: flat(values) for name, values in encoder.labels(table, exact=True).items()}
        return cls(
            table=table,
            encoder=encoder,
            tasks=objectives(problem.tasks, encoder.tasks),
            labels=labels,
            present=ExportedModel.read(layout.graph.parent),
        )

    def described(self) -> dict[str, ReplayedTask]:
        """Task -> its metric."""
        return {
            task.name: ReplayedTask(
                metric=task.metric.name,
                higher_is_better=task.metric.higher_is_better,
                unit=unit_of(task.metric, task.signature()["unit"]),
            )
            for task in self.tasks
        }

    def scores(self, model: ExportedModel) -> dict[str, Number]:
        """Task -> its metric; None where it is undefined, or the model lacks the task as it is defined now."""
        predictions, scores = self._predict(model), dict[str, Number]()
        for task in self.tasks:
            scores[task.name] = None
            if task.name in predictions:
                true, predicted = task.labelled_rows(self.labels[task.name], predictions[task.name])
                scores[task.name] = finite_or_none(task.metric(true, predicted))
        return scores

    def change(self, champion: ExportedModel, candidate: ExportedModel) -> dict[str, Change]:
        """Task -> candidate against champion, by the paired bootstrap of the gates."""
        before, after = self._predict(champion), self._predict(candidate)
        tasks = [task for task in self.tasks if task.name in before and task.name in after]
        return {
            difference.task: Change(
                champion=finite_or_none(difference.reference),
                candidate=finite_or_none(difference.candidate),
                difference=finite_or_none(difference.difference),
                low=finite_or_none(difference.low),
                high=finite_or_none(difference.high),
            )
            for difference in compare(tasks, self.labels, before, after)
        }

    def _predict(self, model: ExportedModel) -> Arrays:
        if model.changed_columns(self.encoder):
            return {}
        present = self.present.outputs
        names = [name for name, output in model.outputs.items() if present.get(name) == output]
        return model.predict(self.table, self.encoder, names)
