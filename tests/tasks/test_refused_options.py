"""Options of a task that params.yaml refuses: each error is one line with the path, the value and the fix."""

import re
from typing import Any

import pytest

from mtl_core.config import parse_problem
from mtl_core.errors import ProblemError
from mtl_core.tasks.multilabel_codec import MAX_LABELS
from tests.small import document

NAN, INF = float("nan"), float("inf")
ABC = ["a", "b", "c"]
COLUMNS: dict[str, Any] = {"target": "", "columns": ["a", "b"]}
NEEDED: dict[str, dict[str, Any]] = {"ordinal": {"classes": ["low", "mid", "high"]}, "clustering": {"clusters": 4}}
"""Options that a kind cannot do without."""

REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("binary", {"weight": 0}, "weight", "greater than 0"),
    *(("binary", {"positive_weight": w}, "positive_weight", f"found {w}$") for w in (0, -2.0, NAN, INF, True)),
    ("binary", {"positive_weight": "balance"}, "positive_weight", "`balanced` or a number above 0, found 'balance'"),
    ("binary", {"label_smoothing": 1.0}, "label_smoothing", "less than 1; found 1.0"),
    ("multiclass", {"label_smoothing": -0.1}, "label_smoothing", "equal to 0; found -0.1"),
    ("ordinal", {"label_smoothing": 0.1}, "label_smoothing", "unknown key; valid: .*class_weights"),
    ("ordinal", {"class_weights": "balance"}, "class_weights", "`balanced`, or a mapping.*'balance'"),
    ("ordinal", {"class_weights": [1, 2]}, "class_weights", r"found \[1, 2\]"),
    ("ordinal", {"class_weights": {"low": 0}}, "class_weights", "above 0, found 0 for 'low'"),
    ("ordinal", {"class_weights": {"low": True}}, "class_weights", "found True for 'low'"),
    ("ordinal", {"class_weights": {"low": "2"}}, "class_weights", "found '2' for 'low'"),
    ("ordinal", {"class_weights": {1: 2.0}}, "class_weights", "found 1; quote it"),
    ("ordinal", {"class_weights": {"hihg": 2}}, "", "`class_weights`.*found 'hihg'; did you mean 'high'"),
    ("ordinal", {"class_weights": {"x": 2}}, "", "found 'x'; valid: low, mid, high"),
    ("ordinal", {"classes": []}, "", "found none; list them, lowest first"),
    ("binary", {"positive": 1, "at_least": 1}, "", "`positive` or `at_least`, not both"),
    ("binary", {"negative": 0, "at_least": 1}, "", "found `negative` too; leave it out"),
    ("binary", {"negative": "no"}, "", "needs `positive`"),
    ("binary", {"positive": "a", "negative": ["b", "a"]}, "", "must differ, found 'a'"),
    ("binary", {"positive": "a", "negative": "b", "others": "negative"}, "", "not both"),
    ("binary", {"positive": "a", "others": "unlabelled"}, "", "needs `negative`"),
    ("binary", {"positive": 2**53 + 1}, "", "below 2.53.*found about 9007199254740992; read the target as text"),
    ("multiclass", {"others": "unlabelled"}, "", "besides `classes`, found none; leave it out"),
    ("multiclass", {"classes": ["a"]}, "", r"two or more distinct names, found \['a'\]"),
    ("multiclass", {"classes": ["a", "a"]}, "", "two or more distinct"),
    ("multiclass", {"classes": ["a", ""]}, "classes.1", "at least 1 character"),
    ("multiclass", {"classes": ABC, "edges": [1, 0]}, "", r"rise strictly, found \[1.0, 0.0\]"),
    ("multiclass", {"classes": ABC, "edges": [1, 1]}, "", "rise strictly"),
    ("multiclass", {"edges": [1]}, "", "1 edges make 2 bands, found 0 names"),
    ("multiclass", {"edges": [0, 1], "classes": ABC[:2]}, "", "2 edges make 3 bands, found 2"),
    ("multiclass", {"edges": [NAN], "classes": ABC[:2]}, "edges.0", "finite number; found nan"),
    ("quantiles", {"levels": []}, "levels", "1 to 99 levels, found 0"),
    ("quantiles", {"levels": [level / 101 for level in range(1, 101)]}, "levels", "1 to 99 levels, found 100"),
    ("quantiles", {"levels": [0, 0.5]}, "levels", r"between 0 and 1, found \[0.0, 0.5\]; as in"),
    ("quantiles", {"levels": [0.5, 1]}, "levels", "between 0 and 1"),
    ("quantiles", {"levels": [0.9, 0.1]}, "levels", "rise strictly"),
    ("quantiles", {"levels": [0.5, 0.5]}, "levels", "rise strictly"),
    ("quantiles", {"levels": [NAN]}, "levels.0", "finite number"),
    ("quantiles", {"levels": [0.1, "half"]}, "levels.1", "valid number.*found 'half'"),
    ("quantiles", {"levels": [0.5], "metric": "interval_score"}, "metric", "'interval_score'; valid: pinball, mae"),
    ("regression", {"metric": "poisson_deviance"}, "metric", "'poisson_deviance'; valid: rmse, mae, r2"),
    ("regression", {"loss": "poison"}, "loss", "found 'poison'; did you mean 'poisson'"),
    ("multilabel", {"target": ""}, "", "found neither"),
    ("multilabel", {"columns": ["a", "b"]}, "", "found both"),
    ("multilabel", {**COLUMNS, "columns": ["a"]}, "", r"`columns`.*distinct names, found \['a'\]; or use kind: binary"),
    ("multilabel", {**COLUMNS, "columns": ["a", "a"]}, "", "two or more distinct"),
    ("multilabel", {**COLUMNS, "columns": ["a", ""]}, "", "two or more distinct"),
    ("multilabel", {**COLUMNS, "labels": ["a", "b"]}, "", "`labels` is about a text, found `columns`.*leave it out"),
    ("multilabel", {**COLUMNS, "separator": ","}, "", "`separator` is about"),
    ("multilabel", {**COLUMNS, "none": "-"}, "", "`none` is about"),
    ("multilabel", {"labels": ["a"]}, "", "`labels` needs two or more distinct"),
    ("multilabel", {"labels": ["a", "a"]}, "", "two or more distinct"),
    ("multilabel", {"labels": ["a", "b|c"]}, "", r"contain the separator, .* found 'b\|c'"),
    ("multilabel", {"labels": ["a", "b "]}, "", "blanks around it, .* found 'b '"),
    ("multilabel", {"labels": ["a", "b"], "none": "b"}, "", "equal `none`, found 'b'"),
    ("multilabel", {"labels": [str(name) for name in range(MAX_LABELS + 1)]}, "labels", "at most 1000"),
    ("multilabel", {"separator": ""}, "separator", "at least 1 character"),
    ("multilabel", {"positive_weight": 0}, "positive_weight", "above 0, found 0"),
    ("multilabel", {"label_smoothing": 1}, "label_smoothing", "less than 1"),
    ("multilabel", {"min_count": 0}, "min_count", "equal to 1; found 0"),
    ("clustering", {"clusters": 1}, "clusters", "equal to 2; found 1"),
    ("clustering", {"clusters": 1_001}, "clusters", "equal to 1000; found 1001"),
    ("clustering", {"clusters": None}, "clusters", "valid integer; found None"),
    ("clustering", {"width": 0}, "width", "equal to 1; found 0"),
    ("clustering", {"warm_up": -1}, "warm_up", "equal to 0; found -1"),
    ("clustering", {"restarts": 0}, "restarts", "equal to 1; found 0"),
    ("clustering", {"target": "", "metric": "nmi"}, "", "found no `target`; name one"),
    *(
        ("binary", {"threshold": threshold}, "threshold", "a number from 0 to 1 or a rule, found .*write")
        for threshold in (-0.1, 1.1, NAN, True, "f1", [0.5], {"maximize": "auc"}, {"precision": 0}, {}, {"f1": 0.5})
    ),
    ("binary", {"metric": "f1"}, "metric", "found 'f1'; valid: log_loss, auc, average_precision, brier, ece"),
    ("binary", {"metric": "ece"}, "metric", "'ece': a constant .* log_loss, auc, average_precision, brier$"),
    ("binary", {"metric": "f1", "threshold": {"maximize": "f1"}}, "metric", "'f1': its threshold is tuned .* brier$"),
    ("binary", {"metric": "precision", "threshold": 0.5}, "metric", "'precision': it is undefined .* recall$"),
    (
        "multilabel",
        {"metric": "macro_f1", "threshold": {"recall": 0.9}},
        "metric",
        "'macro_f1': its threshold is tuned .* macro_auc, log_loss, label_ranking_average_precision$",
    ),
]


@pytest.mark.parametrize(
    ("kind", "options", "path", "fragment"), REFUSED, ids=[f"{kind} {options}"[:60] for kind, options, *_ in REFUSED]
)
def test_an_error_names_path_value_and_fix(kind: str, options: dict[str, Any], path: str, fragment: str) -> None:
    task = {"kind": kind, "target": "minutes", **NEEDED.get(kind, {}), **options}
    with pytest.raises(ProblemError) as caught:
        parse_problem(document() | {"tasks": {"t": task}})
    header, line = str(caught.value).splitlines()
    assert header == "params.yaml: 1 error"
    found, _, message = line.strip().partition(": ")
    assert found == f"tasks.t.{path}".rstrip(".")
    assert re.search(fragment, message), message


def test_options_at_their_limits_are_accepted() -> None:
    accepted: list[dict[str, Any]] = [
        {"kind": "binary", "positive_weight": 0.5, "label_smoothing": 0.0},
        {"kind": "binary", "positive_weight": "balanced"},
        {"kind": "binary", "threshold": 0.3, "metric": "f1"},
        {"kind": "ordinal", "classes": ABC, "class_weights": {"b": 2}, "metric": "weighted_kappa"},
        {"kind": "quantiles", "levels": [0.5], "metric": "pinball"},
        {"kind": "quantiles", "levels": [level / 100 for level in range(1, 100)], "metric": "interval_score"},
        {"kind": "regression", "loss": "poisson", "metric": "poisson_deviance"},
    ]
    tasks = {f"t{number}": {"target": "minutes", **options} for number, options in enumerate(accepted)}
    tuned = {"kind": "binary", "target": "rare", "threshold": {"maximize": "f1"}}
    gates = {"metrics": {"tuned": {"f1": 0.5, "ece": 0.1, "log_loss": 0.6}}}
    problem = parse_problem(document() | {"tasks": {**tasks, "tuned": tuned}, "gates": gates})
    assert parse_problem(problem.model_dump(exclude_unset=True)).tasks == problem.tasks
