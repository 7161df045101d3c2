"""January and February of the flights, prepared and trained on one thread: a picture is drawn within minutes.

Training: 1 January to 10 February. Validation: the next nine days. Test: the last nine days.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq
from drawing import ROOT
from ruamel.yaml import YAML

from mtl_core.config import PARAMS, Problem, parse_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import prepare
from mtl_core.model import Network
from mtl_core.tasks import Objective, objectives
from mtl_core.training import TrainingResult, train
from mtl_core.validation.results import write_quarantine

FIRST_VALIDATION, FIRST_TEST = "2013-02-11", "2013-02-20"


def flights() -> pa.Table:
    """All columns of the two months."""
    return pa.concat_tables(pq.read_table(ROOT / "data" / "flights" / f"2013-{month:02}.parquet") for month in (1, 2))


def declared(tasks: dict[str, Any] | None = None, **training: Any) -> dict[str, Any]:
    """The root's params.yaml on the two months, with its tasks or others, and changes under `training`."""
    document: dict[str, Any] = YAML(typ="safe", pure=True).load((ROOT / PARAMS).read_text(encoding="utf-8"))
    document["data"] = {"path": "data"}
    document["split"] |= {"validation": FIRST_VALIDATION, "test": FIRST_TEST}
    document["tasks"] = tasks or document["tasks"]
    document["training"] |= {"batch_size": 512, "threads": 1} | training
    return {name: section for name, section in document.items() if name != "gates"}


@dataclass(frozen=True, kw_only=True)
class FlightsSubset:
    """The subset, prepared in a folder."""

    work: Path
    problem: Problem
    encoder: Encoder
    splits: dict[str, EncodedSplit]

    @classmethod
    def prepare(cls, rows: pa.Table, document: dict[str, Any], work: Path) -> Self:
        """Prepare the rows for the problem in the folder `work`."""
        (work / "data").mkdir(parents=True)
        pq.write_table(rows, work / "data" / "part.parquet")
        quarantine = work / "quarantine.parquet"
        write_quarantine(quarantine, ())
        problem = parse_problem(document)
        prepare(work, problem, quarantine, work / "encoded")
        encoder = Encoder.load(work / "encoded" / "encoder.json")
        splits = {n: EncodedSplit.open(work / "encoded" / n, encoder) for n in ("train", "validation", "test")}
        return cls(work=work, problem=problem, encoder=encoder, splits=splits)

    @property
    def tasks(self) -> tuple[Objective, ...]:
        """The objectives of its tasks."""
        return objectives(self.problem.tasks, self.encoder.tasks)

    def raw_test(self) -> pa.Table:
        """Raw columns of the test split."""
        return pq.read_table(self.work / "encoded" / "test.parquet")

    def train(self, document: dict[str, Any], name: str) -> tuple[Network, TrainingResult]:
        """Train the problem, which may differ from the prepared one in `model` and `training` only."""
        splits = self.splits["train"], self.splits["validation"]
        network, result = train(parse_problem(document), self.encoder, *splits, self.work / f"scratch-{name}")
        print(f"{name}: {len(result.epochs)} epochs, chose {result.chosen}")
        return network, result
