"""Outcome of `mtl reproduce`: bytes, tolerance, and the first difference."""

from typing import Any

import pytest

from flows.reproduce.result import (
    MetricDifference,
    Reproduction,
    environment_differences,
    first_difference,
    metric_differences,
)


def outcome(*, identical: bool = False, environment: tuple[str, ...] = ("torch",), **fields: Any) -> bool:
    return Reproduction(
        version="m:1",
        folder="f",
        first_difference="",
        tolerance=0.01,
        identical=identical,
        environment=environment,
        **fields,
    ).reproduced


def metric(version: float | None, reproduced: float | None) -> MetricDifference:
    return MetricDifference(metric="late.auc", version=version, reproduced=reproduced)


@pytest.mark.parametrize(
    ("version", "reproduced", "relative"),
    [
        (0.8, 0.8, 0.0),
        (0.8, 0.4, 0.5),
        (-2.0, -1.0, 0.5),
        (0.0, 0.0, 0.0),
        (0.0, 0.1, float("inf")),
        (None, None, 0.0),
        (None, 0.1, float("inf")),
        (0.1, None, float("inf")),
    ],
)
def test_a_difference_is_relative_to_the_version(
    version: float | None, reproduced: float | None, relative: float
) -> None:
    assert metric(version, reproduced).relative == pytest.approx(relative)


def test_bytes_decide_in_the_same_environment_and_metrics_in_another() -> None:
    close, far = metric(0.8, 0.799), metric(0.8, 0.7)
    assert outcome(identical=True)
    assert outcome(identical=True, environment=())
    assert not outcome(environment=(), metrics=(close,))
    assert outcome(metrics=(close,))
    assert not outcome(metrics=(close, far))
    assert not outcome()


def test_differences_of_packages_and_processor_are_named() -> None:
    trained = {"torch": "2", "numpy": "1"}
    assert environment_differences(trained, trained | {"later": "1"}, ("p", "p")) == ()
    assert environment_differences(trained, {"torch": "3"}, ("", "p")) == (
        "torch: trained with 2, found 3",
        "numpy: trained with 1, found none",
        "processor: trained on an unknown one, found p",
    )


def test_metrics_have_the_names_of_the_version() -> None:
    differences = metric_differences({"metrics": {"a.auc": 0.5, "b.mae": 1.0}}, {"metrics": {"a.auc": 0.25, "c": 1}})
    assert [(d.metric, d.version, d.reproduced) for d in differences] == [("a.auc", 0.5, 0.25), ("b.mae", 1.0, None)]
    assert metric_differences({"passed": True}, {"metrics": {"a": 1}}) == ()


LOCK = """
stages:
  prepare: {cmd: p, deps: [{path: data, md5: 1}], params: {params.yaml: {a: 1}}, outs: [{path: e, md5: 2}]}
  train: {cmd: t, deps: [{path: e, md5: 2}], outs: [{path: w, md5: 3}]}
"""


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("", "", ""),
        ("cmd: t", "cmd: u", "the command of stage train"),
        ("md5: 1", "md5: 9", "the inputs of stage prepare"),
        ("a: 1", "a: 2", "the params of stage prepare"),
        ("md5: 3", "md5: 9", "the outputs of stage train"),
        ("md5: 2", "md5: 9", "the outputs of stage prepare"),
    ],
)
def test_the_first_difference_is_in_the_order_of_the_stages(old: str, new: str, difference: str) -> None:
    assert first_difference(LOCK, LOCK.replace(old, new) if old else LOCK) == difference
    assert first_difference("", LOCK) == ""
