"""Errors of a declared problem: the path in the file, the value found, and the fix."""

from typing import Any

import pytest

from mtl_core.config import parse_problem
from mtl_core.errors import ProblemError
from tests.config.orders import TIME, changed

NUMERIC, BINARY = {"kind": "numeric"}, {"kind": "binary", "target": "y"}
COLUMN = {"by": "column", "column": "x"}
DURATION = "a duration must be a whole number from 1 to 99999, a blank, and hours, days, weeks, months or years"
METRICS = "must be a metric of kind regression"

REFUSED: list[tuple[str, Any, str]] = [
    # Unknown keys, at every level
    ("feature", {}, ": unknown key; did you mean 'features'?"),
    ("zzz", {}, ": unknown key; valid: name, data, split, features, tasks, model, training, export, gates"),
    ("data.pth", "x", ": unknown key; did you mean 'path'?"),
    ("split.colum", "x", ": unknown key; did you mean 'column'?"),
    ("features.shop.mincount", 1, ": unknown key; did you mean 'min_count'?"),
    ("tasks.days.at_least", 1, ": unknown key; valid: target, weight_column, weight, metric, kind, loss, unit"),
    ("model.trunk", {"kind": "shared_bottom", "width": [8]}, ".width: unknown key; did you mean 'widths'?"),
    ("model.head", {"drop": 0}, ".drop: unknown key; did you mean 'dropout'?"),
    ("training.balancing", {"methods": 1}, ".methods: unknown key; did you mean 'method'?"),
    ("training.finetune_heads", {"epoch": 1}, ".epoch: unknown key; did you mean 'epochs'?"),
    ("training.teachers", {"days": {"kind": "boosted", "fold": 3}}, ".days.fold: unknown key; did you mean 'folds'?"),
    ("gates.parity", {"test_row": None}, ".test_row: unknown key; did you mean 'test_rows'?"),
    ("gates.latency_ms", {"rows1": 1}, ".rows1: unknown key; did you mean 'rows_1'?"),
    # Renamed keys
    ("data.nulls", ["NA"], ": unknown key; it is called 'csv.nulls' now"),
    ("training.refit_heads", {"epochs": 3}, ": unknown key; it is called 'finetune_heads' now"),
    (
        "training.teachers",
        {"days": {"kind": "boosted", "share": 0.5}},
        ".days.share: unknown key; it is called 'weight'",
    ),
    (
        "training.teachers",
        {"days": {"kind": "single_task", "every_row": True}},
        ".days.every_row: unknown key; it is called 'use_unlabelled'",
    ),
    # Booleans, which Python takes for 1 or 0
    ("model.members", True, ": must be a whole number, found true"),
    ("training.learning_rate", True, ": must be a number, found true"),
    ("training.epochs", False, ": must be a whole number, found false"),
    ("training.stopping", {"patience": True}, ".patience: must be a whole number, found true"),
    # Names of choices
    ("features.shop.kind", "category", ": unknown; found 'category'; did you mean 'categorical'?"),
    ("tasks.days.kind", "regresion", ": unknown; found 'regresion'; did you mean 'regression'?"),
    ("model.trunk.kind", "shared", ": unknown; found 'shared'; did you mean 'shared_bottom'?"),
    ("split.by", "random", ": unknown; found 'random'; valid: time, hash, column"),
    ("tasks.days.loss", "square", ": unknown; found 'square'; did you mean 'squared'?"),
    ("data.types", {"shop": "string"}, ".shop: unknown; found 'string'"),
    ("training.balancing", {"method": "max"}, ".method: unknown; found 'max'; "),
    ("gates.baseline", {"days": "requred"}, ".days: unknown; found 'requred'; did you mean 'required'?"),
    # Required keys
    ("features.shop", {}, ".kind: required"),
    ("tasks.days", {"target": "days"}, ".kind: required"),
    ("model.trunk", {"widths": [8]}, ".kind: required, but missing; valid: "),
    ("split", {"column": "x"}, ".by: required"),
    ("split", {"by": "time", "column": "d", "test": 1}, ".validation: required"),
    ("name", ..., ": required"),
    ("data", ..., ": required"),
    ("data", {}, ".path: required"),
    ("tasks.days.target", ..., ": required"),
    ("features", {}, ": must have at least 1; found {}"),
    ("tasks", {}, ": must have at least 1; found {}"),
    ("model.trunk", {"kind": "shared_bottom", "widths": []}, ".widths: must have at least 1; found []"),
    # Names
    (
        "name",
        "Orders",
        ": must be a lowercase letter, then at most 62 lowercase letters, digits, - and _; found 'Orders'",
    ),
    ("name", "o" * 64, ": must be a lowercase letter"),
    ("features.a b", NUMERIC, ": must be a letter from A to Z or _, then"),
    ("tasks.1x", BINARY, ": must be a letter from A to Z or _, then"),
    ("tasks.a/b", BINARY, ": must be a letter from A to Z or _, then"),
    ("tasks." + "t" * 101, BINARY, ": must be a letter from A to Z or _, then"),
    ("features.amount.column", "", ": string should have at least 1 character"),
    ("features.amount.column", "trunkline/ids", ": must not begin with 'trunkline/'"),
    ("tasks.days.target", "", ": must name a column, found ''"),
    ("split.column", "", ": must name a column, found ''"),
    # Types and values
    ("features.shop", "categorical", ": must be a mapping of names to values; found 'categorical'"),
    ("features", ["shop"], ": must be a mapping of names to values; found ['shop']"),
    ("model", None, ": must be a mapping of names to values; found None"),
    ("training.finetune_heads", 3, ": must be a mapping of names to values; found 3"),
    ("gates.metrics", {"days": 3}, ".days: must be a mapping of names to values; found 3"),
    ("data.csv", {"nulls": "NA"}, ".nulls: must be a list; found 'NA'"),
    ("data.csv", {"separator": ""}, ".separator: "),
    ("data.csv", {"separator": '"'}, ".separator: must be the character between cells"),
    ("data.csv", {"encoding": "utf-9"}, ".encoding: must be an encoding of text"),
    ("data.csv", {"encoding": "base64"}, ".encoding: must be an encoding of text"),
    ("data.csv", {"decimal": ",", "thousands": ","}, ": `thousands` must differ"),
    ("data.format", "conl", ": unknown; found 'conl'; did you mean 'conll'?"),
    ("data.dates", {"day": "%d.%m."}, ": day: a format must have a year"),
    ("data.dates", {"day": "%d.%m.%Y %Q"}, ": day: must be a format of strptime"),
    (
        "data",
        {"path": "data", "types": {"day": "text"}, "dates": {"day": "%Y-%m-%d"}},
        ": a column may be in `types` or in `dates`, found 'day' in both",
    ),
    ("tasks.days", BINARY | {"kind": "multiclass", "classes": [0, "b"]}, ".classes.0: must be text; found 0"),
    ("tasks.days.target", 3, ": must be text; found 3"),
    ("tasks.returned.positive", [1], ": must be text or true or false or a number; found [1]"),
    (
        "split",
        TIME | {"validation": [1]},
        ".validation: must be a date or a date with a time or a whole number or a number or text; found [1]",
    ),
    (
        "split",
        TIME | {"validation": "1 month"},
        ": `validation`, `test` must be all boundaries or all durations, found `validation: 1 month`, "
        '`test: 2024-03-01`; write boundaries, as in `validation: "2013-10-01"`',
    ),
    ("split", TIME | {"train": "9 months"}, ": `train`, `validation`, `test` must be all boundaries or all durations,"),
    *(
        ("split", TIME | {"test": text}, f": {DURATION}, found `test: {text}`; write, for example, `test: 30 days`")
        for text in (
            "0 days",
            "1.5 months",
            "-1 month",
            "30d",
            "1 quarter",
            "1 Month",
            "100000 days",
            "1  day",
            "1 day ",
        )
    ),
    ("split", COLUMN | {"test": [[1]]}, ".test: must be text, a whole number, true or false, or a list of such values"),
    ("split", COLUMN | {"train": []}, ".train: must be text, a whole number, true or false, or a list of such values"),
    ("split", COLUMN | {"validation": 1.5}, ".validation: must be text, a whole number, true or false, or a list of"),
    ("training.epochs", 0, ": input should be greater than or equal to 1; found 0"),
    ("training.epochs", 1.5, ": input should be a valid integer, got a number with a fractional part; found 1.5"),
    ("training.finetune_heads", {"epochs": 0}, ".epochs: input should be greater than or equal to 1; found 0"),
    (
        "model.trunk",
        {"kind": "shared_bottom", "widths": [8, 0]},
        ".widths.1: input should be greater than or equal to 1",
    ),
    ("model.head.dropout", 1, ": input should be less than 1; found 1"),
    ("training.learning_rate", float("inf"), ": input should be a finite number; found inf"),
    ("training.stopping.end", "some", ": must be all, any, or `first:` with the name of a task, found 'some'"),
    ("gates.metrics", {"days": {"mae": float("nan")}}, ".days.mae: input should be a finite number; found nan"),
    ("gates.metrics", {"days": {"mae": False}}, ".days.mae: must be a number, or null"),
    ("gates.size_mb", "off", ": must be a number, or null, which switches the gate off; found 'off'"),
    ("gates.parity", "off", ": must be a number, null, or a mapping of both limits; found 'off'"),
    # Options of a section that do not fit together
    ("split.test", 1, ": input should be less than 1; found 1"),
    (
        "split",
        {"by": "hash", "column": "c", "validation": 0.5, "test": 0.5},
        ": `validation` and `test` must leave rows",
    ),
    ("split", COLUMN | {"test": ["b", "train"]}, ": a value must be named once, found 'train' twice"),
    ("split", COLUMN | {"key": "person"}, ": `key` needs a share as `validation`, found 'validation'"),
    ("tasks.days", BINARY | {"positive": 1, "at_least": 2}, ": give `positive` or `at_least`, not both"),
    # Sections that do not fit together
    ("tasks.days.target", "amount", ": a target cannot be a feature too, found column 'amount'"),
    ("tasks.amount", BINARY, ": a task cannot have the name of a feature's column"),
    ("tasks.days.metric", "auc", f": {METRICS}, found 'auc'; valid: rmse, mae, r2"),
    ("tasks.days.metric", "rsme", f": {METRICS}, found 'rsme'; did you mean 'rmse'?"),
    ("gates.metrics", {"days": {"auc": 1}}, f".days.auc: {METRICS}, found 'auc'; valid: rmse, mae, r2"),
    ("gates.metrics", {"day": {"mae": 3}}, ".day: must be a declared task, found 'day'; did you mean 'days'?"),
    ("gates.baseline", {"day": "ignore"}, ".day: must be a declared task, found 'day'; did you mean 'days'?"),
    ("training.teachers", {"dayz": {"kind": "boosted"}}, ".dayz: must be a declared task, found 'dayz'"),
    ("training.balancing", {"method": "constant", "weights": {"dayz": 2}}, ".weights.dayz: must be a declared task"),
    ("training.stopping.tasks", {"dayz": {"patience": 2}}, ".dayz: must be a declared task, found 'dayz'"),
    ("training.stopping.end", {"first": "dayz"}, ".first: must be a declared task, found 'dayz'; did you mean 'days'?"),
    ("training.stopping", {"policy": "joint", "end": "any"}, ".end: under the policy joint all tasks stop together"),
    ("training.stopping", {"policy": "joint", "end": {"first": "days"}}, ".end: under the policy joint"),
    (
        "training.stopping",
        {"policy": "joint", "tasks": {"days": {"patience": 2}}},
        ".tasks: under the policy joint all tasks share one patience, found one for days",
    ),
    ("training.stopping", {"policy": "freeze", "margin": 2}, ".margin: is for the policy hold"),
    ("tasks", {"groups": {"kind": "clustering", "clusters": 3}}, ": at least one supervised task is required"),
]


def error_line(document: Any) -> str:
    """The only error of a document."""
    with pytest.raises(ProblemError) as caught:
        parse_problem(document, source="here/params.yaml")
    head, line = str(caught.value).split("\n")
    assert head == "here/params.yaml: 1 error"
    assert caught.value.exit_code == 2
    return line.removeprefix("  ")


@pytest.mark.parametrize(("path", "value", "error"), REFUSED)
def test_an_invalid_option_is_refused(path: str, value: Any, error: str) -> None:
    """`error` is the beginning of the line, after the path of the option."""
    assert error_line(changed(path, value)).startswith(path + error)


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        ("features.a\nb", NUMERIC, "features.'a\\nb': must be a letter"),
        ("features.", NUMERIC, "features.'': must be a letter"),
        ("features.shop.column", "days", "tasks.days.target: a target cannot be a feature too, found column 'days'"),
    ],
)
def test_the_error_is_at_another_path(path: str, value: Any, error: str) -> None:
    assert error_line(changed(path, value)).startswith(error)
