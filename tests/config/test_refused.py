"""Errors of a declared problem, each with the line that teaches the fix."""

from typing import Any

import pytest

from mtl_core.config import parse_problem
from mtl_core.errors import ProblemError
from tests.config.orders import TIME, changed

NAN = float("nan")

REFUSED: dict[str, tuple[str, Any, str]] = {
    # Unknown keys, at every level
    "unknown at the top": ("feature", {}, "feature: unknown key; did you mean 'features'?"),
    "unknown at the top, nothing near": (
        "zzz",
        {},
        "zzz: unknown key; valid: name, data, split, features, tasks, model, training, export, gates",
    ),
    "unknown in data": ("data.pth", "x", "data.pth: unknown key; did you mean 'path'?"),
    "unknown in split": ("split.colum", "x", "split.colum: unknown key; did you mean 'column'?"),
    "unknown in a feature": (
        "features.shop.mincount",
        1,
        "features.shop.mincount: unknown key; did you mean 'min_count'?",
    ),
    "unknown in a task": ("tasks.days.los", "x", "tasks.days.los: unknown key; did you mean 'loss'?"),
    "key of another kind of task": (
        "tasks.days.at_least",
        1,
        "tasks.days.at_least: unknown key; valid: target, weight_column, weight, metric, kind, loss, unit",
    ),
    "unknown in model": ("model.embeding", 8, "model.embeding: unknown key; did you mean 'embedding'?"),
    "unknown in trunk": (
        "model.trunk",
        {"kind": "shared_bottom", "width": [8]},
        "model.trunk.width: unknown key; did you mean 'widths'?",
    ),
    "unknown in head": ("model.head", {"drop": 0}, "model.head.drop: unknown key; did you mean 'dropout'?"),
    "unknown in training": ("training.epoch", 1, "training.epoch: unknown key; did you mean 'epochs'?"),
    "unknown in balancing": (
        "training.balancing",
        {"methods": 1},
        "training.balancing.methods: unknown key; did you mean 'method'?",
    ),
    "unknown in stopping": (
        "training.stopping",
        {"patence": 1},
        "training.stopping.patence: unknown key; did you mean 'patience'?",
    ),
    "unknown in gates": ("gates.metric", {}, "gates.metric: unknown key; did you mean 'metrics'?"),
    "a gate of another name": ("gates.size", None, "gates.size: unknown key; did you mean 'size_mb'?"),
    "unknown in parity": (
        "gates.parity",
        {"test_row": None},
        "gates.parity.test_row: unknown key; did you mean 'test_rows'?",
    ),
    "unknown rule of a baseline": (
        "gates.baseline",
        {"days": "requred"},
        "gates.baseline.days: unknown; found 'requred'; did you mean 'required'?",
    ),
    "unknown in latency": (
        "gates.latency_ms",
        {"rows1": 1},
        "gates.latency_ms.rows1: unknown key; did you mean 'rows_1'?",
    ),
    # A boolean, where Python takes it for 1 or 0
    "true for members": (
        "model.members",
        True,
        "model.members: must be a whole number, found true; write one, or leave it out",
    ),
    "true for a rate": (
        "training.learning_rate",
        True,
        "training.learning_rate: must be a number, found true; write one, or leave it out",
    ),
    "false for epochs": (
        "training.epochs",
        False,
        "training.epochs: must be a whole number, found false; write one, or leave it out",
    ),
    "true for patience": (
        "training.stopping",
        {"patience": True},
        "training.stopping.patience: must be a whole number, found true; write one, or leave it out",
    ),
    "true for a weight": (
        "tasks.days.weight",
        True,
        "tasks.days.weight: must be a number, found true; write one, or leave it out",
    ),
    # Kinds
    "unknown kind of feature": (
        "features.shop.kind",
        "category",
        "features.shop.kind: unknown; found 'category'; did you mean 'categorical'?",
    ),
    "unknown kind of task": (
        "tasks.days.kind",
        "regresion",
        "tasks.days.kind: unknown; found 'regresion'; did you mean 'regression'?",
    ),
    "unknown kind of trunk": (
        "model.trunk.kind",
        "shared",
        "model.trunk.kind: unknown; found 'shared'; did you mean 'shared_bottom'?",
    ),
    "unknown split": ("split.by", "random", "split.by: unknown; found 'random'; valid: time, hash, column"),
    "unknown loss": ("tasks.days.loss", "square", "tasks.days.loss: unknown; found 'square'; did you mean 'squared'?"),
    "unknown policy": (
        "training.stopping",
        {"policy": "holt"},
        "training.stopping.policy: unknown; found 'holt'; did you mean 'hold'?",
    ),
    "unknown balancing": ("training.balancing", {"method": "max"}, "training.balancing.method: unknown; found 'max'; "),
    "no kind of feature": ("features.shop", {}, "features.shop.kind: required, but not there"),
    "no kind of task": ("tasks.days", {"target": "days"}, "tasks.days.kind: required, but not there"),
    "no way to split": ("split", {"column": "x"}, "split.by: required, but not there"),
    # What is required
    "no name": ("name", ..., "name: required, but not there"),
    "no data": ("data", ..., "data: required, but not there"),
    "no path": ("data", {}, "data.path: required, but not there"),
    "no target": ("tasks.days.target", ..., "tasks.days.target: required, but not there"),
    "no boundary": ("split", {"by": "time", "column": "d", "test": 1}, "split.validation: required, but not there"),
    "no features": ("features", {}, "features: must have at least 1; found {}"),
    "no tasks": ("tasks", {}, "tasks: must have at least 1; found {}"),
    "no widths": (
        "model.trunk",
        {"kind": "shared_bottom", "widths": []},
        "model.trunk.widths: must have at least 1; found []",
    ),
    # Names
    "a name with capitals": (
        "name",
        "Orders",
        "name: must be a lowercase letter, then at most 62 lowercase letters, digits, - and _; found 'Orders'",
    ),
    "a name of 64 letters": ("name", "o" * 64, "name: must be a lowercase letter"),
    "a feature's name with a blank": (
        "features.a b",
        {"kind": "numeric"},
        "features.a b: must be a letter from A to Z or _, then",
    ),
    "a task's name that begins with a digit": (
        "tasks.1x",
        {"kind": "binary", "target": "y"},
        "tasks.1x: must be a letter from A to Z or _, then",
    ),
    "a task's name with a slash": (
        "tasks.a/b",
        {"kind": "binary", "target": "y"},
        "tasks.a/b: must be a letter from A to Z or _, then",
    ),
    "a task's name of 101 letters": (
        "tasks." + "t" * 101,
        {"kind": "binary", "target": "y"},
        "tasks." + "t" * 101 + ": must be a letter from A to Z or _, then",
    ),
    "a nameless column": (
        "features.amount.column",
        "",
        "features.amount.column: string should have at least 1 character",
    ),
    "a column that the graph reserves": (
        "features.amount.column",
        "trunkline/ids",
        "features.amount.column: must not begin with 'trunkline/', which marks the internal values of the "
        "exported graph, "
        "found 'trunkline/ids'; rename the column",
    ),
    "a target without a name": ("tasks.days.target", "", "tasks.days.target: must name a column, found ''"),
    "a split by a column without a name": ("split.column", "", "split.column: must name a column, found ''"),
    "a name with a line break": ("features.a\nb", {"kind": "numeric"}, "features.'a\\nb': must be a letter"),
    "a name that is empty": ("features.", {"kind": "numeric"}, "features.'': must be a letter"),
    # Wrong types and values
    "a feature that is no mapping": (
        "features.shop",
        "categorical",
        "features.shop: must be a mapping of names to values; found 'categorical'",
    ),
    "features as a list": ("features", ["shop"], "features: must be a mapping of names to values; found ['shop']"),
    "a model of nothing": ("model", None, "model: must be a mapping of names to values; found None"),
    "a gate without a metric": (
        "gates.metrics",
        {"days": 3},
        "gates.metrics.days: must be a mapping of names to values; found 3",
    ),
    "nulls as text": ("data.csv", {"nulls": "NA"}, "data.csv.nulls: must be a list; found 'NA'"),
    "nulls by their former name": ("data.nulls", ["NA"], "data.nulls: unknown key; it is called 'csv.nulls' now"),
    "no separator": ("data.csv", {"separator": ""}, "data.csv.separator: "),
    "a quote as the separator": ("data.csv", {"separator": '"'}, "data.csv.separator: must be the character between"),
    "an encoding that is none": ("data.csv", {"encoding": "utf-9"}, "data.csv.encoding: must be an encoding of text"),
    "an encoding of bytes": ("data.csv", {"encoding": "base64"}, "data.csv.encoding: must be an encoding of text"),
    "one mark for two": ("data.csv", {"decimal": ",", "thousands": ","}, "data.csv: `thousands` must differ"),
    "a type that is none": ("data.types", {"shop": "string"}, "data.types.shop: unknown; found 'string'"),
    "a format without a year": ("data.dates", {"day": "%d.%m."}, "data.dates: day: a format must have a year"),
    "a format that is none": ("data.dates", {"day": "%d.%m.%Y %Q"}, "data.dates: day: must be a format of strptime"),
    "a type and a format": (
        "data",
        {"path": "data", "types": {"day": "text"}, "dates": {"day": "%Y-%m-%d"}},
        "data: a column stands in `types` or in `dates`, found 'day' in both",
    ),
    "a class that is a number": (
        "tasks.days",
        {"kind": "multiclass", "target": "y", "classes": [0, "b"]},
        "tasks.days.classes.0: must be text; found 0",
    ),
    "a target that is a number": ("tasks.days.target", 3, "tasks.days.target: must be text; found 3"),
    "a boundary that is a list": (
        "split",
        TIME | {"validation": [1]},
        "split.validation: must be a date or a date with a time or a whole number or a number or text; found [1]",
    ),
    "a split's value that is a list of lists": (
        "split",
        {"by": "column", "column": "x", "test": [[1]]},
        "split.test: must be text, a whole number, true or false, or a list of such values, found [[1]]",
    ),
    "no value for a split": (
        "split",
        {"by": "column", "column": "x", "train": []},
        "split.train: must be text, a whole number, true or false, or a list of such values, found []",
    ),
    "a share that is none": (
        "split",
        {"by": "column", "column": "x", "validation": 1.5},
        "split.validation: must be text, a whole number, true or false, or a list of such values, found 1.5",
    ),
    "a positive that is a list": (
        "tasks.returned.positive",
        [1],
        "tasks.returned.positive: must be text or true or false or a number; found [1]",
    ),
    "no epoch": ("training.epochs", 0, "training.epochs: input should be greater than or equal to 1; found 0"),
    "half an epoch": (
        "training.epochs",
        1.5,
        "training.epochs: input should be a valid integer, got a number with a fractional part; found 1.5",
    ),
    "a width of 0": (
        "model.trunk",
        {"kind": "shared_bottom", "widths": [8, 0]},
        "model.trunk.widths.1: input should be greater than or equal to 1; found 0",
    ),
    "full dropout": ("model.head.dropout", 1, "model.head.dropout: input should be less than 1; found 1"),
    "an infinite rate": (
        "training.learning_rate",
        float("inf"),
        "training.learning_rate: input should be a finite number; found inf",
    ),
    "a limit that is none": (
        "gates.metrics",
        {"days": {"mae": NAN}},
        "gates.metrics.days.mae: input should be a finite number; found nan",
    ),
    "a gate switched off by a word": (
        "gates.size_mb",
        "off",
        "gates.size_mb: must be a number, or null, which switches the gate off; found 'off'",
    ),
    "two gates switched off by a word": (
        "gates.parity",
        "off",
        "gates.parity: must be a number, null, or a mapping of both limits; found 'off'",
    ),
    "a limit on a metric switched off by a word": (
        "gates.metrics",
        {"days": {"mae": False}},
        "gates.metrics.days.mae: must be a number, or null, which switches the gate off; found False",
    ),
    "a share of everything": ("split.test", 1, "split.test: input should be less than 1; found 1"),
    "shares of everything": (
        "split",
        {"by": "hash", "column": "c", "validation": 0.5, "test": 0.5},
        "split: `validation` and `test` must leave rows to train on, found 1",
    ),
    "one value for two splits": (
        "split",
        {"by": "column", "column": "x", "test": ["b", "train"]},
        "split: a value must be named once, found 'train' twice; take one away",
    ),
    "a key that nothing hashes": (
        "split",
        {"by": "column", "column": "x", "key": "person"},
        "split: `key` is for a share of the rows that train, found `validation` 'validation'",
    ),
    "two rules for yes": (
        "tasks.days",
        {"kind": "binary", "target": "y", "positive": 1, "at_least": 2},
        "tasks.days: give `positive` or `at_least`, not both",
    ),
    # What does not fit together
    "a target that is a feature": (
        "tasks.days.target",
        "amount",
        "tasks.days.target: a target cannot be a feature too, "
        "found column 'amount', which features.amount "
        "reads; remove one of the two",
    ),
    "a target that a renamed feature reads": (
        "features.shop.column",
        "days",
        "tasks.days.target: a target cannot be a feature too, found column 'days', which features.shop reads",
    ),
    "a task named like a feature's column": (
        "tasks.amount",
        {"kind": "binary", "target": "y"},
        "tasks.amount: a task cannot have the name of a feature's column",
    ),
    "a metric of another kind": (
        "tasks.days.metric",
        "auc",
        "tasks.days.metric: must be a metric of kind regression, found 'auc'; valid: rmse, mae, r2",
    ),
    "a misspelt metric": (
        "tasks.days.metric",
        "rsme",
        "tasks.days.metric: must be a metric of kind regression, found 'rsme'; did you mean 'rmse'?",
    ),
    "a gate for no task": (
        "gates.metrics",
        {"day": {"mae": 3}},
        "gates.metrics.day: must be a declared task, found 'day'; did you mean 'days'?",
    ),
    "a baseline of no task": (
        "gates.baseline",
        {"day": "ignore"},
        "gates.baseline.day: must be a declared task, found 'day'; did you mean 'days'?",
    ),
    "a gate for no metric": (
        "gates.metrics",
        {"days": {"auc": 1}},
        "gates.metrics.days.auc: must be a metric of kind regression, found 'auc'; valid: rmse, mae, r2",
    ),
    "unknown in an optional section": (
        "training.finetune_heads",
        {"epoch": 1},
        "training.finetune_heads.epoch: unknown key; did you mean 'epochs'?",
    ),
    "too little in an optional section": (
        "training.finetune_heads",
        {"epochs": 0},
        "training.finetune_heads.epochs: input should be greater than or equal to 1; found 0",
    ),
    "an optional section that is none": (
        "training.finetune_heads",
        3,
        "training.finetune_heads: must be a mapping of names to values; found 3",
    ),
    "a renamed section": (
        "training.refit_heads",
        {"epochs": 3},
        "training.refit_heads: unknown key; it is called 'finetune_heads' now, rename it",
    ),
    "a renamed option of a teacher": (
        "training.teachers",
        {"days": {"kind": "boosted", "share": 0.5}},
        "training.teachers.days.share: unknown key; it is called 'weight' now, rename it",
    ),
    "another one": (
        "training.teachers",
        {"days": {"kind": "single_task", "every_row": True}},
        "training.teachers.days.every_row: unknown key; it is called 'use_unlabelled' now, rename it",
    ),
    "unknown in a teacher": (
        "training.teachers",
        {"days": {"kind": "boosted", "fold": 3}},
        "training.teachers.days.fold: unknown key; did you mean 'folds'?",
    ),
    "an end that is none": (
        "training.stopping.end",
        "some",
        "training.stopping.end: must be all, any, or `first:` with the name of a task, found",
    ),
    # Parts that do not fit together
    "a trunk of no kind": ("model.trunk", {"widths": [8]}, "model.trunk.kind: required, but not there; valid: "),
    "patience for an unknown task": (
        "training.stopping.tasks",
        {"dayz": {"patience": 2}},
        "training.stopping.tasks.dayz: must be a declared task, found 'dayz'; did you mean 'days'?",
    ),
    "an end with an unknown task": (
        "training.stopping.end",
        {"first": "dayz"},
        "training.stopping.end.first: must be a declared task, found 'dayz'; did you mean 'days'?",
    ),
    "an end of its own under joint": (
        "training.stopping",
        {"policy": "joint", "end": "any"},
        "training.stopping.end: under the policy joint all tasks stop together, found an end of its own; leave it out",
    ),
    "a patience of its own under joint": (
        "training.stopping",
        {"policy": "joint", "tasks": {"days": {"patience": 2}}},
        "training.stopping.tasks: under the policy joint all tasks share one patience, found one for days; leave it "
        "out, or use freeze or hold",
    ),
    "a margin where nobody trains again": (
        "training.stopping",
        {"policy": "freeze", "margin": 2},
        "training.stopping.margin: says when a stopped task trains again, which it does under the policy hold, found "
        "the policy freeze; leave it out",
    ),
}


@pytest.mark.parametrize(("path", "value", "line"), REFUSED.values(), ids=REFUSED)
def test_refused(path: str, value: Any, line: str) -> None:
    with pytest.raises(ProblemError) as caught:
        parse_problem(changed(path, value), source="here/params.yaml")
    head, *lines = str(caught.value).split("\n")
    assert head == "here/params.yaml: 1 error"
    assert len(lines) == 1
    assert lines[0].startswith(f"  {line}")
    assert caught.value.exit_code == 2
