"""Walk of one cadence through the months: retrain if it is due, let the month arrive, score on its rows."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from flows.layout import Layout
from flows.studies.replay.cadence import CadenceFolder
from flows.studies.replay.months import calendar_months
from flows.studies.replay.scores import MonthRows
from mtl_core.export.exported_model import ExportedModel
from mtl_core.files import write_text
from mtl_core.frozen import Frozen
from mtl_core.numbers import Number
from mtl_core.studies.replay.record import Outcome, ReplayedRetrain, ReplayedTask
from serving.decisions import decision_of
from serving.store import Store
from serving.version_files import version_tag

FIRST_MODEL = "the first model of a replay is promoted whatever its gates say"


class _Before(Frozen):
    """The champion before a retrain, stored before it begins, so that a killed one can be repeated."""

    champion: str | None


class MonthRecord(Frozen):
    """All results of a month, stored when it is done."""

    month: str
    rows: int
    tasks: dict[str, ReplayedTask]
    never: dict[str, Number]
    """Task -> score of the first model."""
    champion: dict[str, Number]
    """Task -> score of the champion of the month."""
    retrain: ReplayedRetrain | None
    """The retrain before the month, if one was due."""


def walk(cadence: CadenceFolder, every: int, months: Sequence[tuple[str, Path]]) -> Iterator[MonthRecord]:
    """The records of the months, in order; those of an interrupted walk are read.

    Args:
        every: months from one retrain to the next.
        months: month, and the file with its rows; the first retrain is before the first of them.
    """
    last_retrain = None
    for month, part in months:
        path = cadence.path / "records" / f"{month}.json"
        if path.exists():
            record = MonthRecord.model_validate_json(path.read_bytes())
        else:
            is_due = last_retrain is None or len(list(calendar_months(last_retrain, month))) > every
            record = _replay_month(cadence, month, part, is_due=is_due)
            write_text(path, record.model_dump_json(indent=1) + "\n")
        if record.retrain is not None:
            last_retrain = month
        yield record


def _replay_month(cadence: CadenceFolder, month: str, part: Path, *, is_due: bool) -> MonthRecord:
    retrain = _retrain_once(cadence, month) if is_due else None
    cadence.ingest(part)
    cadence.validate()
    rows, store, name = MonthRows.read(cadence, part.name), cadence.store, cadence.problem.name
    champion, first = store.champion(name), store.promotions(name)[0].after
    assert champion is not None
    if retrain is not None and retrain.champion is not None:
        before, after = (_model(store, tag) for tag in (retrain.champion, retrain.candidate))
        retrain = retrain.model_copy(update={"next_month": rows.change(before, after)})
    return MonthRecord(
        month=month,
        rows=rows.table.num_rows,
        tasks=rows.described(),
        never=rows.scores(_model(store, first)),
        champion=rows.scores(_model(store, champion)),
        retrain=retrain,
    )


def _retrain_once(cadence: CadenceFolder, month: str) -> ReplayedRetrain:
    """The retrain before a month. One that has ended is never repeated: by then the month may have arrived."""
    path = cadence.path / "records" / f"{month}.retrain.json"
    if not path.exists():
        write_text(path, _retrain(cadence, month).model_dump_json(indent=1) + "\n")
    return ReplayedRetrain.model_validate_json(path.read_bytes())


def _retrain(cadence: CadenceFolder, month: str) -> ReplayedRetrain:
    store, name = cadence.store, cadence.problem.name
    path = cadence.path / "records" / f"{month}.before.json"
    if not path.exists():
        write_text(path, _Before(champion=store.champion(name)).model_dump_json() + "\n")
    before = _Before.model_validate_json(path.read_bytes()).champion
    seconds, processor_seconds = cadence.retrain()
    candidate = version_tag(name, Layout(cadence.path).signature.read_bytes())  # that of the last export
    reasons: tuple[str, ...] = ()
    if before is None and store.champion(name) is None:
        reasons = (FIRST_MODEL, *store.promote(candidate, overrule=True, reason=FIRST_MODEL))
    outcome, why = _outcome(store, name, candidate, before)
    return ReplayedRetrain(
        month=month,
        champion=before,
        candidate=candidate,
        outcome=outcome,
        reasons=(*reasons, *why),
        seconds=seconds,
        processor_seconds=processor_seconds,
    )


def _outcome(store: Store, name: str, candidate: str, before: str | None) -> tuple[Outcome, tuple[str, ...]]:
    """Outcome of a retrain and the reasons, as the store recorded them."""
    if candidate == before:
        return "unchanged", ()
    if store.champion(name) == candidate:
        return "promoted", ()
    if reasons := store.refusal(candidate):
        return "refused", reasons
    decision = decision_of(store, candidate)
    assert decision is not None
    return "kept", decision.reasons


def _model(store: Store, tag: str) -> ExportedModel:
    return ExportedModel.read(store.path(tag))
