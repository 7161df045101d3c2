"""The champion as a teacher of the next training: which model, of which tasks, and when it changes.

artifacts/teacher is an output of the stage `digests` and a dependency of `train`. It is renewed only before a training
that runs anyway, because data, params or code have changed. So a retrain on unchanged data does not train again after
a promotion, although the champion is another one then.
"""

import json
from pathlib import Path

from flows.environment import store_home
from flows.layout import Layout
from flows.pipeline.graph import DIGESTS, commit_outputs, is_up_to_date
from flows.retrain.compare import ChampionComparison
from mtl_core.config import Problem, load_problem
from mtl_core.errors import ToolError
from mtl_core.files import damage_as_data_error, os_errors_with_path, write_text
from mtl_core.teacher_files import TeacherRecord, write_teacher
from serving.store import Store


def renew_teacher(folder: Path) -> None:
    """Write the present champion into artifacts/teacher, if a task declares it and `train` is out of date.

    Raises ToolError for a champion with damaged files.
    """
    problem, layout = load_problem(folder), Layout(folder)
    if not problem.training.champion_teachers or is_up_to_date(folder, "train"):
        return
    store = Store(store_home(folder))
    champion = store.champion(problem.name)
    if champion is None:
        record, model = TeacherRecord(), None
    else:
        if (damage := store.damage(champion)) is not None:
            raise ToolError(
                f"training.teachers: champion {champion} must have intact files to teach, found {damage}. Restore "
                "them, promote another version (`mtl promote VERSION`), or drop this teacher"
            )
        record, model = TeacherRecord(champion=champion, worse=_worse(store, problem)), store.path(champion)
    with os_errors_with_path(layout.teacher):
        write_teacher(layout.teacher, record, model)
    commit_outputs(folder, DIGESTS)


def record_challenger(store: Store, name: str, candidate: str, comparison: ChampionComparison) -> None:
    """Store in which tasks a candidate was significantly worse than the champion, for `when: if_worse`."""
    worse = [difference.task for difference in comparison.differences if difference.is_worse(0.0)]
    document = {"challenger": candidate, "champion": comparison.champion, "worse": worse}
    write_text(_challenger_file(store, name), json.dumps(document, indent=1) + "\n")


def _worse(store: Store, problem: Problem) -> tuple[str, ...]:
    """Tasks that declare `if_worse` in which the last challenger was worse; none without a challenger yet."""
    path = _challenger_file(store, problem.name)
    if not path.exists():
        return ()
    with damage_as_data_error(path):
        worse = json.loads(path.read_text(encoding="utf-8"))["worse"]
    teachers = problem.training.champion_teachers
    return tuple(task for task, options in teachers.items() if options.when == "if_worse" and task in worse)


def _challenger_file(store: Store, name: str) -> Path:
    return store.home / "challengers" / f"{name}.json"
