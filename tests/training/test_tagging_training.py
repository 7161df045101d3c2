"""Trainings of tagging tasks: teachers, the policy hold, fine-tuned heads, and options of texts in a search."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from mtl_core.config import parse_problem
from mtl_core.config.changes import with_options
from mtl_core.distillation import TeacherStore, self_distillation_targets
from mtl_core.errors import ProblemError
from mtl_core.model import Network
from mtl_core.model.inference import copied_weights
from mtl_core.training import train
from mtl_core.training.losses import task_losses
from mtl_core.training.scores import metric_values
from tests.small import Small
from tests.tagging import document
from tests.training.runs import run, same


def train_tagged(tagged: Small, folder: Path, **training: Any) -> Any:
    return run(tagged, folder, problem=parse_problem(document(**training)))


def test_soft_targets_of_a_stopped_task_are_its_logits_and_have_no_gradient_at_the_teacher(
    tagged: Small, tmp_path: Path
) -> None:
    """Batches have another order and other padding than the split had when they were computed."""
    network = Network.seeded(parse_problem(document()), tagged.encoder, 0)
    weights, rows = copied_weights(network), torch.arange(len(tagged.train)).flip(0)[:40]
    batch = tagged.train.take(rows)
    for task in ("slots", "people"):
        targets = self_distillation_targets(
            TeacherStore(tmp_path), lambda _: weights, task, 1, network, tagged.train
        ).take(rows)
        network.eval().zero_grad()
        logits = network(batch.inputs)
        assert isinstance(targets.logits, torch.Tensor)
        present = ~targets.logits.isnan()
        torch.testing.assert_close(logits[task][present], targets.logits[present])
        absent = batch.labels[task].eq(-2).int().cumsum(1) - batch.labels[task].eq(-2).int() > 0
        assert torch.equal(absent, ~present.all(2))
        ((_, loss),) = task_losses(
            tuple(t for t in network.objectives if t.name == task), logits, batch, {task: targets}
        ).items()
        loss.backward()
        assert max(float(p.grad.abs().max()) for p in network.heads.parameters() if p.grad is not None) < 1e-5


def test_a_tagging_task_learns_from_a_single_task_teacher(tagged: Small, tmp_path: Path) -> None:
    """Without its labels: the weight of the teacher is 1."""
    teachers = {"people": {"kind": "single_task", "weight": 1.0, "use_unlabelled": True}}
    _, result = train_tagged(tagged, tmp_path, teachers=teachers, epochs=4, stopping={"policy": "freeze"})
    assert result.final("people") > 0.9


def test_boosted_teachers_refuse_a_tagging_task_by_name(tagged: Small, tmp_path: Path) -> None:
    problem = parse_problem(document(teachers={"slots": {"kind": "boosted"}}))
    rule = r"training\.teachers\.slots: `boosted` needs a task of level row, found level token; drop this teacher"
    with pytest.raises(ProblemError, match=rule):
        train(problem, tagged.encoder, tagged.train, tagged.validation, tmp_path)


def test_a_tagging_task_without_a_right_span_has_no_score_and_does_not_stop(
    tagged: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network predicts no span in its first epochs, so that F1 stays 0."""

    def without_spans(*arguments: Any) -> dict[str, float]:
        return metric_values(*arguments) | {"slots": 0.0}

    monkeypatch.setattr("mtl_core.training.loop.metric_values", without_spans)
    _, result = train_tagged(tagged, tmp_path, epochs=4, stopping={"policy": "freeze", "patience": 1})
    assert all(math.isnan(epoch.scores["slots"]) for epoch in result.epochs)
    assert not any("slots" in epoch.stopped for epoch in result.epochs)
    assert result.standard_errors["slots"] == 1.0


def test_heads_of_tagging_tasks_are_not_finetuned(tagged: Small, tmp_path: Path) -> None:
    plain, _ = train_tagged(tagged, tmp_path / "plain", epochs=1)
    finetuned, result = train_tagged(tagged, tmp_path / "finetuned", epochs=1, finetune_heads={"epochs": 1})
    assert [head.task for head in result.finetuned_heads] == ["intent", "urgent"]
    heads = ("heads.2.", "heads.3.")
    of_tagging = [{k: v for k, v in trained.items() if k.startswith(heads)} for trained in (plain, finetuned)]
    assert of_tagging[0]
    assert same(*of_tagging)


def test_options_of_the_text_encoder_can_be_tuned(tagged: Small) -> None:
    params = document()
    params["tuning"] = {
        "space": {
            "model.text.width": {"low": 8, "high": 32, "step": 8},
            "model.text.word_dropout": {"low": 0.0, "high": 0.5},
            "model.text.embedding": {"choices": [8, 16]},
        }
    }
    problem = parse_problem(params)
    changed = with_options(problem, {"model.text.width": 32, "model.text.embedding": 8})
    assert (changed.model.text.width, changed.model.text.embedding) == (32, 8)
    Network.build(changed, tagged.encoder)
    params["tuning"]["space"] = {"model.text.kernel": {"choices": [3, 4]}}
    with pytest.raises(ProblemError, match=r"tuning\.space\.model\.text\.kernel: .*must be odd"):
        parse_problem(params)
