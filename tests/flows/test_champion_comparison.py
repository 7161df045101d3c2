"""Candidate against champion: which tasks are compared, slices, churn, and changes of the schema."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.layout import Layout
from flows.retrain.compare import ChampionComparison, compare_models
from mtl_core.errors import DataError
from mtl_core.export.exported_model import comparable_outputs
from serving.store import Store
from tests.flows.conftest import Whole, replace_text

Compare = Callable[[Callable[[Any], None]], ChampionComparison]


@pytest.fixture
def compared_with(copied: Path, whole: Whole, tmp_path: Path) -> Compare:
    """Function that compares the model with itself as champion, after a change of the champion's signature."""
    layout = Layout(copied)

    def compare(change: Callable[[Any], None]) -> ChampionComparison:
        champion = tmp_path / "champion"
        shutil.copytree(Store(layout.store).path(whole.first.version), champion)
        signature = json.loads((champion / "signature.json").read_bytes())
        change(signature)
        (champion / "signature.json").write_text(json.dumps(signature))
        return compare_models(copied, "tiny:old", champion)

    return compare


def test_a_model_equals_itself_in_every_task_and_slice_without_churn(copied: Path, compared_with: Compare) -> None:
    replace_text(copied, "gates: {}", 'gates: {slices: {columns: ["plan: type"], min_rows: 30}}')
    compared = compared_with(lambda _: None)
    assert [(each.task, each.difference) for each in compared.differences] == [
        ("churned", 0),
        ("spend", 0),
        ("tier", 0),
    ]
    assert [each.flipped for each in compared.churn] == [0, None, 0]
    assert [each.mean_change for each in compared.churn] == [0, 0, None]
    assert {each.difference for each in compared.slices.differences} == {0}
    assert (compared.schema_changes, compared.notes) == ((), ())


def test_a_champion_that_reads_a_removed_column_is_not_compared(compared_with: Compare) -> None:
    compared = compared_with(lambda signature: signature["inputs"].append({"name": "gone", "type": "number"}))
    assert (compared.differences, compared.churn) == ((), ())
    assert compared.schema_changes[0].endswith("no feature reads any more, or as another type: gone")


def test_tasks_that_only_one_model_has_or_that_changed_are_schema_changes(compared_with: Compare) -> None:
    def change(signature: Any) -> None:
        churned, spend, tier = signature["outputs"]
        signature["outputs"] = [spend | {"unit": "EUR"}, tier, churned | {"name": "gone"}]

    compared = compared_with(change)
    assert [each.task for each in compared.differences] == ["tier"]
    lacks, redefines, removed = compared.schema_changes
    assert lacks == "it lacks churned"
    assert redefines == "it has another definition of spend"
    assert removed == "it has the removed gone"
    assert compared.notes[0] == "new, so not compared: churned"


def test_without_a_common_task_nothing_is_compared(compared_with: Compare) -> None:
    compared = compared_with(lambda signature: signature.update(outputs=[]))
    assert (compared.differences, compared.schema_changes) == ((), ("it lacks churned, spend, tier",))


def test_slices_whose_columns_were_not_kept_are_refused(copied: Path, compared_with: Compare) -> None:
    replace_text(copied, "gates: {}", "gates: {slices: [joined]}")
    with pytest.raises(DataError, match=r"gates.slices: .*found no joined; run prepare"):
        compared_with(lambda _: None)


def test_outputs_are_compared_whatever_their_thresholds_and_number_of_bits() -> None:
    number = {"name": "t", "kind": "binary", "form": "number", "unit": "probability"}
    flags = {"name": "f", "kind": "multilabel", "form": "label_probabilities", "labels": ["a", "b"]}
    tuned = {"outputs": [number | {"threshold": 0.25, "dtype": "float64"}, flags | {"thresholds": [0.1, 0.9]}]}
    assert comparable_outputs(tuned) == comparable_outputs({"outputs": [number, flags]}) == {"t": number, "f": flags}
