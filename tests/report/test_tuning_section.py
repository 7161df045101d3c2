"""The section on the search for options: what it says, what it draws, and what is not there."""

from typing import Any

import pytest
from jinja2 import Environment, PackageLoader, StrictUndefined

from mtl_core.config import SearchRange
from mtl_core.report.studies.tuning import section
from mtl_core.studies.files import write_study
from mtl_core.studies.provenance import Provenance, config_digest
from mtl_core.studies.tuning import Measure, Trial, Tuning
from tests.report.made import Made
from tests.report.reading import read
from tests.report.story import IMAGE, LONG, NAMES, SCRIPT

SPACE = {
    "training.learning_rate": SearchRange(low=0.001, high=0.1, log=True),
    "model.trunk.dropout": SearchRange(low=0.0, high=0.5),
    "training.batch_size": SearchRange(low=256, high=4096, step=256),
    "model.trunk.widths": SearchRange(choices=([64], [512, 256, 128, 64, 32])),
    "training.finetune_heads": SearchRange(choices=(None, {"epochs": 3, "patience": 2})),
    "training.checkpoint": SearchRange(choices=("mean", SCRIPT, IMAGE)),
}
DECLARED: dict[str, Any] = {
    "training.learning_rate": 0.0005,
    "model.trunk.dropout": 0.1,
    "training.batch_size": 2048,
    "model.trunk.widths": [128],
    "training.finetune_heads": None,
    "training.checkpoint": "mean",
}
OTHER = {
    "training.learning_rate": 0.02,
    "model.trunk.widths": [64],
    "training.finetune_heads": {"epochs": 3, "patience": 2},
}


def trial(number: int, objective: float | None, state: Any = "complete", **more: Any) -> Trial:
    changes = DECLARED | (OTHER if number else {})
    return Trial(number=number, state=state, changes=changes, objective=objective, worst=objective, **more)


def study(*trials: Trial, best: int = 0, made_of: str = "", **more: Any) -> Tuning:
    baseline = {
        name: Measure(metric="mae", higher_is_better=False, value=None if name == "ghost" else 0.5, standard_error=0.05)
        for name in NAMES
    }
    made = Provenance(
        command="mtl tune --trials 5", commit="", seeds=(0,), machine="a machine", versions={}, declaration=made_of
    )
    found = {"made": made, "space": SPACE, "declared": DECLARED, "baseline": baseline, "best": best} | more
    return Tuning(trials=trials or (trial(0, 0.0),), **found)


def searched(**more: Any) -> Tuning:
    best = trial(4, 1.25, values={name: 0.4 for name in NAMES if name != "ghost"})
    failed = trial(3, None, "failed", why="its options: no")
    return study(trial(0, 0.0), trial(1, -3.0), trial(2, -90.0, "pruned"), failed, best, best=4, **more)


def words(made: Made) -> str:
    """The section's text, as the page has it."""
    environment = Environment(loader=PackageLoader("mtl_core.report"), autoescape=True, undefined=StrictUndefined)
    html = environment.get_template("tuning.html.j2").render(tuning=section(made.run()))
    return " ".join(read(html).sections["tuning"].split())


def test_without_a_study_there_is_no_section(made: Made, html: str) -> None:
    assert section(made.run()) is None
    assert 'id="tuning"' not in html


def test_the_page_says_what_was_found(changeable: Made) -> None:
    write_study(changeable.layout.tuning, searched(made_of=config_digest(changeable.problem)))
    html = changeable.page()
    page = read(html)
    text = page.sections["tuning"]
    assert "#tuning" in page.attributes("href")
    assert "5 trials, measured on the validation split: 3 complete, 1 pruned, 1 failed." in text
    assert "0 is what is declared; +1 is one standard error better, on average over the tasks." in text
    assert "The best is trial 4 with +1.25; its task that gains least has +1.25." in text
    assert "+2.00" in text  # 0.5 to 0.4, a standard error being 0.05
    assert "Nothing was measured by ghost" in text
    assert "The best of many trials on one validation split looks better than it is" in text
    assert "mtl tune --trials 5" in text
    assert "dvc exp run -S " in text
    assert "'+model={trunk:{kind:shared_bottom,widths:[64]}}'" in text
    assert "earlier declaration" not in text
    assert LONG in text
    for hostile in (SCRIPT, IMAGE):
        assert hostile not in html


def test_the_pictures_have_every_trial(changeable: Made) -> None:
    write_study(changeable.layout.tuning, searched())
    found = section(changeable.run())
    assert found is not None
    assert [option.path for option in found.options] == list(SPACE)
    assert 'aria-label="The mean gain of 5 trials over the declared problem; the best is trial 4' in found.course
    for picture in (found.course, found.options[0].picture, found.options[3].picture):
        marks = picture.count("<path aria-label") + picture.count('<path transform="translate(')
        assert marks >= 5  # on a category that is no choice, as what is declared here, there is none
    assert ">0.001<" in found.options[0].picture
    assert "512, 256, 128, 64" not in found.options[3].picture  # cut short
    assert ("training.finetune_heads", "null", "{epochs: 3, patience: 2}") in found.changes


def test_an_earlier_declaration_is_named_and_has_no_command(changeable: Made) -> None:
    write_study(changeable.layout.tuning, searched(made_of="another"))
    found = section(changeable.run())
    assert found is not None
    assert (found.current, found.experiment) == (False, "")
    assert "The study was made of an earlier declaration." in words(changeable)


@pytest.mark.parametrize(
    "trials",
    [(), (trial(0, 0.0), trial(1, -2.0)), (trial(0, 0.0), trial(1, None, "failed"), trial(2, None, "pruned"))],
    ids=["one", "worse", "none finished"],
)
def test_where_nothing_beats_what_is_declared(changeable: Made, trials: tuple[Trial, ...]) -> None:
    write_study(changeable.layout.tuning, study(*trials))
    text = words(changeable)
    assert "None beats what is declared." in text
    assert "dvc exp run" not in text


def test_importance_is_said_where_it_is_known(changeable: Made) -> None:
    write_study(changeable.layout.tuning, searched(importance={"training.learning_rate": 0.75}))
    found = section(changeable.run())
    assert found is not None
    assert [option.says for option in found.options[:2]] == ["75% of what sets the best tenth of the trials apart", ""]
