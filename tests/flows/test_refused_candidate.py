"""A candidate that its gates refuse, end to end: kept, listed, promoted by overruling alone, and served."""

import json
import shutil
from pathlib import Path

import pytest

from flows.cli import main
from flows.layout import Layout
from flows.pipeline.failure import StageFailed
from flows.retrain.flow import run_retrain
from mtl_core.errors import CheckFailed, PromotionRefused
from serving.champion import read_champion
from serving.store import Store
from tests.flows.conftest import Whole, forget_homes

GATES = "gates: {metrics: {churned: {auc: 0.999}}, size_mb: null, parity: {adversarial_rows: null}}"


def mtl(folder: Path, *arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "-C", str(folder)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture(scope="module")
def refused(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The problem after a retrain whose candidate failed a gate: folder, its version, the error."""
    folder = tmp_path_factory.mktemp("refused") / "tiny"
    shutil.copytree(whole.folder, folder, symlinks=True)
    params = folder / "params.yaml"
    text = params.read_text(encoding="utf-8").replace("gates: {}", GATES).replace("seed: 0", "seed: 1")
    params.write_text(text, encoding="utf-8")
    forget_homes()
    with pytest.raises(StageFailed) as caught:
        run_retrain(folder)
    assert caught.value.exit_code == CheckFailed.exit_code
    store = Store(Layout(folder).state / "bentoml")
    (version,) = set(store.versions("tiny")) - {whole.first.version}
    return folder, version, str(caught.value)


def test_the_error_names_the_gate_and_the_way_to_overrule(whole: Whole, refused: tuple[Path, str, str]) -> None:
    _, version, error = refused
    assert "churned.auc: FAILED; must be at least 0.999" in error
    assert f"champion {whole.first.version} keeps serving; the candidate is kept as refused" in error
    assert error.endswith(f"`mtl promote {version} --overrule`")


def test_gates_that_are_off_are_named_and_not_measured(refused: tuple[Path, str, str]) -> None:
    document = json.loads(Layout(refused[0]).checks.read_text(encoding="utf-8"))
    assert {"size", "parity on adversarial rows"}.isdisjoint(check["name"] for check in document["checks"])
    assert "size: off (gates.size_mb: null)" in document["notes"]
    assert "parity on adversarial rows: off (gates.parity.adversarial_rows: null)" in document["notes"]


def test_it_is_listed_promoted_by_overruling_alone_and_served(
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
    said = capfd.readouterr().out
    assert said.startswith(
        f"{version} is the champion; previous champion: {whole.first.version}\noverruled: churned.auc"
    )
    last = read_champion(Layout(folder).state / "bentoml", "tiny").promotions[-1]
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
    assert mtl(folder, "promote", whole.first.version) == 0  # a rollback to a version that passed asks for nothing
