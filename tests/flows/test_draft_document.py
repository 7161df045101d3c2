"""`mtl init`: the text of params.yaml."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.draft.document import document
from flows.draft.proposals import Draft
from flows.draft.reading import DetectedOptions
from mtl_core.config import Export, Gates, Model, ReadOptions, parse_problem, parse_yaml
from mtl_core.config.patterns import safe_name
from mtl_core.features import Proposal
from tests.flows.drafts import BASE, COLUMNS, RANGE, draft_of, parse_draft

READING = DetectedOptions(options=ReadOptions())


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_the_round_trip_through_yaml(text: str) -> None:
    task = Proposal(options={"kind": "multiclass", "classes": [text]}, note=text, warning=text)
    split = Proposal(options={"by": "hash", "column": text}, warning=text)
    draft = Draft(split=split, features={}, left_out={text: task}, tasks={text: task}, reading=READING)
    loaded = parse_yaml(document("table", text, draft))
    assert (loaded["data"], loaded["split"]) == ({"path": text}, {"by": "hash", "column": text})
    assert list(loaded["tasks"].values()) == [{"kind": "multiclass", "target": text, "classes": [text]}]


@given(st.text())
def test_any_column_gets_a_valid_name(text: str) -> None:
    tasks = {"t": {"kind": "binary", "target": "y"}}
    features = {safe_name(text): {"kind": "numeric", "column": "x"}}
    split = {"by": "hash", "column": "k"}
    parse_problem({"name": "n", "data": {"path": "d"}, "split": split, "features": features, "tasks": tasks})


def test_names_of_similar_columns_do_not_collide(tmp_path: Path) -> None:
    names = ["a b", "a_b", "a-b", "a:b"]
    similar = {name: [row * 0.5 + index for row in RANGE] for index, name in enumerate(names)}
    problem = parse_draft(draft_of(tmp_path, {**COLUMNS, **similar, "a/b": BASE["yes"]}, "a/b"))
    assert set(problem.feature_columns) >= set(similar)
    assert len(problem.tasks) == 1


def test_a_draft_declares_a_search_space_and_no_defaults(tmp_path: Path) -> None:
    problem = parse_draft(draft_of(tmp_path, COLUMNS, "yes"))
    assert (problem.model, problem.export, problem.gates) == (Model(), Export(), Gates())
    assert problem.training.model_fields_set == {"seed"}
    assert problem.tuning is not None
    assert "model.private" in problem.tuning.space


@pytest.mark.parametrize(("features", "limits"), [(100, (5.0, 100.0)), (101, (10.1, 202.0)), (1_000, (100.0, 2_000.0))])
def test_latency_limits_grow_with_the_number_of_features(features: int, limits: tuple[float, float]) -> None:
    columns = {f"f{number}": Proposal(options={"kind": "numeric"}) for number in range(features)}
    split = Proposal(options={"by": "hash", "column": "key"})
    tasks = {"yes": Proposal(options={"kind": "binary"})}
    latency = parse_draft(
        Draft(split=split, features=columns, left_out={}, tasks=tasks, reading=READING)
    ).gates.latency_ms
    assert (latency.rows_1, latency.rows_1000) == limits
