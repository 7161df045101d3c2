"""A trial's options in the text of params.yaml and on DVC's command line: both declare what the trial trained."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from mtl_core.config import parse_problem
from mtl_core.config.changes import with_options
from mtl_core.errors import ProblemError
from mtl_core.studies.tuning.apply import edit_params, experiment_command

TEXT = """\
# A comment.
name: orders
data: {path: data}
split: {by: hash, column: "customer"}  # comment
features:
    amount: {kind: numeric}
    shop: {kind: categorical}
tasks:
    returned: {kind: binary, target: returned}
    days: {kind: regression, target: days}
    of-all: {kind: regression, target: total}

# Another comment.
model:
    embedding: 16   # wide
    trunk:
        kind: mmoe
        experts: 3  # few
        widths:
          - 64
          - 32
training:
    learning_rate: 0.0010
    balancing: {method: constant, weights: {days: 2.0}}  # by hand
"""

CHANGES: dict[str, dict[str, Any]] = {
    "a number": {"training.learning_rate": 0.00214},
    "a small number": {"training.weight_decay": 1e-05},
    "a list": {"model.trunk.widths": [16, 8]},
    "a kind with fewer options": {"model.trunk.kind": "shared_bottom"},
    "a kind, and an option of it": {"model.trunk.kind": "ple", "model.trunk.levels": 3},
    "a method": {"training.balancing.method": "uw"},
    "a mapping for a mapping": {"training.balancing": {"method": "mean"}},
    "a new section": {"training.finetune_heads": {"epochs": 3}},
    "an option of a new section": {"training.finetune_heads.epochs": 3, "model.head.width": 0},
    "null": {"training.finetune_heads": None},
    "words that YAML may read as another type": {"training.stopping.end": "all", "training.checkpoint": "worst"},
    "a teacher": {"training.teachers": {"days": {"kind": "boosted"}}},
    "an option of a task": {"tasks.days.weight": 2.5, "tasks.days.loss": "absolute"},
    "options of a task with a dash": {"tasks.of-all.weight": 0.5, "tasks.returned.label_smoothing": 0.1},
    "several": {"model.embedding": 8, "training.learning_rate": 0.01, "model.trunk.dropout": 0.25},
}


def load(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_params_and_the_dvc_command_declare_what_the_trial_trained(changes: dict[str, Any], tmp_path: Path) -> None:
    declared = parse_problem(load(TEXT))
    trained = with_options(declared, changes)
    assert parse_problem(load(edit_params(TEXT, changes))) == trained
    params = tmp_path / "params.yaml"
    params.write_text(TEXT, encoding="utf-8")
    command = shlex.split(experiment_command(declared, changes))
    assert command[:3] == ["dvc", "exp", "run"]
    apply_overrides(params, command[4::2])
    assert parse_problem(load(params.read_text(encoding="utf-8"))) == trained


def test_lines_keep_their_indentation_in_a_text_that_no_indentation_reproduces() -> None:
    lines = (
        TEXT.replace("    ", "  ") + "tuning: {space: {model.trunk.widths: {choices: [[64],[32]]}}}\n"
    ).splitlines()
    edited = edit_params("\n".join(lines) + "\n", {"model.embedding": 8}).splitlines()
    changed = [line for line in lines if line not in edited]
    assert [line.split()[0] for line in changed] == ["embedding:", "tuning:"]


def test_comments_and_other_lines_are_kept() -> None:
    before, after = TEXT.splitlines(), edit_params(TEXT, CHANGES["several"]).splitlines()
    assert [line for line in before if line not in after] == ["    embedding: 16   # wide", "    learning_rate: 0.0010"]
    assert [line for line in after if line not in before] == [
        "    embedding: 8    # wide",
        "        dropout: 0.25",
        "    learning_rate: 0.01",
    ]


def test_a_list_is_written_on_one_line() -> None:
    assert "widths: [16, 8]" in edit_params(TEXT, {"model.trunk.widths": [16, 8]})


def test_declared_values_are_no_overrides() -> None:
    declared = parse_problem(load(TEXT))
    assert (
        experiment_command(declared, {"model.trunk.widths": [64, 32], "training.learning_rate": 0.001}) == "dvc exp run"
    )


def test_an_anchor_that_shares_the_option_is_refused() -> None:
    stopping = "stopping: {tasks: {days: &one {patience: 2}, returned: *one}}"
    tied = TEXT.replace("learning_rate: 0.0010", f"learning_rate: 0.0010\n    {stopping}")
    assert "embedding: 8" in edit_params(tied, {"model.embedding": 8})
    with pytest.raises(ProblemError, match=r"an anchor .*by hand: training\.stopping\.tasks\.days\.patience: 5"):
        edit_params(tied, {"training.stopping.tasks.days.patience": 5})
