"""A candidate that fails a gate, end to end: stored, listed, promoted with --overrule only, and served."""

import json
from pathlib import Path

import pytest

from flows.layout import Layout
from flows.pipeline.failure import StageFailed
from flows.retrain.flow import run_retrain
from mtl_core.errors import CheckFailed, PromotionRefused
from serving.champion import read_champion
from serving.store import Store
from tests.flows.conftest import Whole, copy_of, forget_homes, mtl, replace_text

GATES = "gates: {metrics: {churned: {auc: 0.999}}, size_mb: null, parity: {adversarial_rows: null}}"


@pytest.fixture(scope="module")
def refused(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The problem after a retrain whose candidate failed a gate: folder, version of the candidate, error."""
    folder = copy_of(whole.folder, tmp_path_factory.mktemp("refused"))
    replace_text(folder, "gates: {}", GATES)
    replace_text(folder, "seed: 0", "seed: 1")
    forget_homes()
    with pytest.raises(StageFailed) as caught:
        run_retrain(folder)
    assert caught.value.exit_code == CheckFailed.exit_code
    store = Store(Layout(folder).store)
    (version,) = set(store.versions("tiny")) - {whole.first.version}
    result = caught.value.result  # which `mtl retrain --json` prints
    assert (result.version, result.promoted, result.decision.outcome) == (version, False, "refused")
    assert result.comparison.champion == whole.first.version
    assert any(reason.startswith("churned.auc: FAILED") for reason in result.decision.reasons)
    return folder, version, str(caught.value)


def test_the_error_names_the_gate_and_the_command_to_overrule(whole: Whole, refused: tuple[Path, str, str]) -> None:
    _, version, error = refused
    assert "churned.auc: FAILED; must be at least 0.999" in error
    assert f"champion {whole.first.version} keeps serving; the candidate is kept as refused" in error
    assert error.endswith(f"`mtl promote {version} --overrule`")


def test_gates_that_are_off_are_named_and_not_measured(refused: tuple[Path, str, str]) -> None:
    document = json.loads(Layout(refused[0]).checks.read_text(encoding="utf-8"))
    assert {"size", "parity on adversarial rows"}.isdisjoint(check["name"] for check in document["checks"])
    assert "size: off (gates.size_mb: null)" in document["notes"]
    assert "parity on adversarial rows: off (gates.parity.adversarial_rows: null)" in document["notes"]


def test_a_refused_candidate_is_listed_and_promoted_with_overrule_only(
    whole: Whole, refused: tuple[Path, str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    folder, version, _ = refused
    assert mtl(folder, "models") == 0
    assert f"{version} was refused: churned.auc: FAILED" in capfd.readouterr().out
    assert mtl(folder, "promote", version) == PromotionRefused.exit_code
    error = capfd.readouterr().err
    assert "churned.auc: FAILED" in error
    assert f"`mtl promote {version} --overrule`" in error
    assert mtl(folder, "promote", version, "--overrule") == 0
    printed = capfd.readouterr().out
    assert printed.startswith(
        f"{version} is the champion; previous champion: {whole.first.version}\noverruled: churned"
    )
    last = read_champion(Layout(folder).store, "tiny").promotions[-1]
    assert (last.after, len(last.overruled or ())) == (version, 1)
    assert mtl(folder, "demo", "--rows", "2") == 0
    assert f"2 rows, answered by {version}" in capfd.readouterr().out
    assert mtl(folder, "models") == 0
    assert f"{version} serves although it was refused: churned.auc" in capfd.readouterr().out
    assert mtl(folder, "models", "--json") == 0
    models = {model["version"]: model for model in json.loads(capfd.readouterr().out)}
    assert models[version]["champion"]
    assert models[version]["overruled"] == models[version]["refused"]
    assert (models[whole.first.version]["refused"], models[whole.first.version]["overruled"]) == (None, None)
    assert mtl(folder, "promote", whole.first.version) == 0  # a version that passed needs no option
