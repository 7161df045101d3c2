"""Digests of the stages' code, from the imports in its sources, and of the declared labels."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.pipeline.code import DATA, EXCLUDED, CodeTree
from flows.pipeline.digests import CHAMPION, additional_slice_columns, code_digests, labels_digest, write_digests
from flows.pipeline.graph import STAGES
from mtl_core.errors import ProblemError
from tests.flows.conftest import Whole, copy_of

ROOT = Path(__file__).parents[2]
RUN = STAGES[1:]

CODE = {
    "lib/__init__.py": "",
    "lib/config.py": "import typing\n\ndef build():\n    from lib.nets import mmoe\n    return mmoe\n",
    "lib/nets/__init__.py": "",
    "lib/nets/mmoe.py": "from . import parts\n",
    "lib/nets/parts.py": "",
    "lib/page/__init__.py": "",
    "lib/page/draw.py": "from lib import words\nfrom lib.console import table\n",
    "lib/page/templates/page.css": "a {}",
    "lib/page/notes.txt": "",
    "lib/words.py": "import json\nfrom typing import TYPE_CHECKING\n"
    "if TYPE_CHECKING:\n    from lib import hints\nelse:\n    from lib import plain\n",
    "lib/hints.py": "",
    "lib/plain.py": "from lib import words\n",  # a cycle
    "lib/console/__init__.py": "",
    "lib/console/table.py": "",
    "lib/unused.py": "",
    "lib/prepare.py": "from lib.config import build\n",
    "lib/guarded.py": "try:\n    from lib import unused\nexcept ImportError:\n    pass\n"
    "class Late:\n    import lib.words\n    def run(self):\n        import lib.hints\n",
}


@pytest.fixture
def lib(tmp_path: Path) -> Path:
    for name, text in CODE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def tree(folder: Path) -> CodeTree:
    return CodeTree({"lib": folder / "lib"}, excluded=("lib.console",))


@pytest.mark.parametrize(
    ("module", "nested", "modules"),
    [
        pytest.param("prepare", False, {"config"}, id="no imports in functions"),
        pytest.param("prepare", True, {"config", "nets", "nets.mmoe", "nets.parts"}, id="nested, also relative ones"),
        pytest.param("page.draw", True, {"page", "words", "plain"}, id="neither hints nor console, and a cycle"),
        pytest.param("guarded", False, {"unused", "words", "plain"}, id="imports in try and in a class"),
        pytest.param("guarded", True, {"unused", "words", "plain", "hints"}, id="nested, in a method"),
    ],
)
def test_a_closure_has_the_imports_that_run(lib: Path, module: str, nested: bool, modules: set[str]) -> None:
    expected = {"lib", f"lib.{module}"} | {f"lib.{name}" for name in modules}
    assert tree(lib).closure(f"lib.{module}", nested=nested) == expected


@pytest.mark.parametrize(
    ("edited", "changes"),
    [
        ("lib/nets/parts.py", {"nested prepare"}),
        ("lib/nets/__init__.py", {"nested prepare"}),
        ("lib/config.py", {"prepare", "nested prepare"}),
        ("lib/__init__.py", {"prepare", "nested prepare", "page"}),
        ("lib/page/templates/page.css", {"page"}),
        ("lib/page/templates/new.html", {"page"}),
        ("lib/page/notes.txt", set()),
        ("lib/hints.py", set()),
        ("lib/console/table.py", set()),
        ("lib/unused.py", set()),
    ],
)
def test_an_edit_changes_the_digests_of_the_modules_that_import_it(lib: Path, edited: str, changes: set[str]) -> None:
    def digests() -> dict[str, str]:
        code = tree(lib)
        return {
            "prepare": code.digest("lib.prepare", nested=False),
            "nested prepare": code.digest("lib.prepare", nested=True),
            "page": code.digest("lib.page.draw", nested=True),
        }

    before = digests()
    with (lib / edited).open("a") as file:
        file.write("# edited\n")
    after = digests()
    assert {name for name in before if before[name] != after[name]} == changes


def test_digests_depend_on_names_below_the_package_and_not_on_its_folder(lib: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "site-packages"
    shutil.copytree(lib / "lib", elsewhere / "lib")
    before = tree(lib).digest("lib.page.draw", nested=True)
    assert tree(elsewhere).digest("lib.page.draw", nested=True) == before
    (elsewhere / "lib" / "page" / "templates" / "page.css").rename(elsewhere / "lib" / "page" / "templates" / "b.css")
    assert tree(elsewhere).digest("lib.page.draw", nested=True) != before


def test_data_in_the_digest_are_the_installed_data() -> None:
    import tomllib

    package_data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    assert {f"*{suffix}" for suffix in DATA} == set(package_data) - {"py.typed"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CodeTree, dict[str, str]]:
    """A copy of this source tree, its code tree, and its digests, for a problem that no champion teaches."""
    folder = tmp_path_factory.mktemp("source")
    for package in ("flows", "mtl_core"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    packages = {package: folder / package for package in ("flows", "mtl_core")}
    code = CodeTree(packages, excluded=(*EXCLUDED, CHAMPION))
    return folder, code, code_digests(code)


@pytest.mark.parametrize(
    ("edited", "stages"),
    [
        ("mtl_core/report/page.py", {"report"}),
        ("mtl_core/report/templates/page.css", {"report"}),
        ("mtl_core/report/plots/statistics.py", {"report"}),
        ("mtl_core/trunks/mmoe.py", {"train", "export", "check", "report"}),
        ("mtl_core/gates.py", {"check"}),
        ("mtl_core/validation/part.py", {"validate"}),
        ("mtl_core/validation/templates/index.html", {"validate"}),
        ("mtl_core/data/prepare.py", {"prepare"}),
        ("mtl_core/training/loop.py", {"train", "report"}),
        ("mtl_core/export/graph.py", {"export"}),
        ("mtl_core/model/network.py", {"train", "export", "check", "report"}),
        ("mtl_core/files.py", set(RUN)),
        ("flows/stages/train.py", {"train"}),
        ("flows/layout.py", set(RUN)),
        ("flows/console/train.py", set()),
        ("flows/retrain/flow.py", set()),
        ("flows/pipeline/graph.py", set()),
    ],
)
def test_an_edit_of_this_tree_changes_the_digests_of_the_stages_that_use_it(
    source: tuple[Path, CodeTree, dict[str, str]], edited: str, stages: set[str]
) -> None:
    folder, code, before = source
    path = folder / edited
    original = path.read_text(encoding="utf-8")
    path.write_text(original + "\n", encoding="utf-8")
    after = code_digests(code)
    path.write_text(original, encoding="utf-8")
    assert set(before) == set(RUN)
    assert {stage for stage in before if before[stage] != after[stage]} == stages


TEXT = ("flows.console", "mtl_core.report")
"""Text for the terminal, on which only the stage `report` depends; it imports its part of it at the top."""
NETWORK = ("mtl_core.balancing", "mtl_core.nn", "mtl_core.stopping", "mtl_core.trunks")


@pytest.mark.parametrize("stage", ["validate", "prepare"])
def test_functions_in_stages_without_a_network_import_network_parts_only(stage: str) -> None:
    """The digests of these stages exclude imports in functions: any other import belongs at the top of its module."""
    code, module = CodeTree.installed(), f"flows.stages.{stage}"
    excluded = code.closure(module, nested=True) - code.closure(module, nested=False)
    assert {"mtl_core.trunks.mmoe", "mtl_core.nn.pooling", "mtl_core.balancing.upgrad"} <= excluded
    assert [name for name in excluded if not name.startswith(NETWORK)] == []


RUN_STAGES = """
import json, os, sys
from importlib import import_module
from pathlib import Path
import altair, great_expectations, onnxscript, onnxruntime, scipy.stats, sklearn.metrics, torch.export

for stage in sys.argv[2:]:
    if (child := os.fork()) == 0:
        import_module(f"flows.stages.{stage}").run(Path(sys.argv[1]))
        used = sorted(name for name in sys.modules if name.partition(".")[0] in ("flows", "mtl_core"))
        print(json.dumps({"stage": stage, "used": used}), file=sys.stderr, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""
"""Runs stages in forks of one process, which has the packages of others: their import takes most of the time."""


@pytest.fixture(scope="module")
def used_modules(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Stage -> the modules of this repository that it imports."""
    folder = copy_of(whole.folder, tmp_path_factory.mktemp("used"))
    command = [sys.executable, "-W", "ignore", "-c", RUN_STAGES, str(folder), *RUN]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    found = (json.loads(line) for line in run.stderr.splitlines() if line.startswith('{"stage"'))
    return {entry["stage"]: set(entry["used"]) for entry in found}


@pytest.mark.parametrize("stage", RUN)
def test_every_module_that_a_stage_imports_is_in_its_closure(used_modules: dict[str, set[str]], stage: str) -> None:
    used = {name for name in used_modules[stage] if not name.startswith(TEXT)}
    closure = CodeTree.installed().closure(f"flows.stages.{stage}", nested=stage not in ("validate", "prepare"))
    assert f"flows.stages.{stage}" in used
    assert used - closure == set()


TASKS: dict[str, Any] = {
    "returned": {"kind": "binary", "target": "returned", "weight": 2.0},
    "days": {"kind": "regression", "target": "days", "loss": "huber"},
}


@pytest.mark.parametrize(
    ("task", "options", "same"),
    [
        ("returned", {"weight": 3.0}, True),
        ("returned", {"label_smoothing": 0.1, "positive_weight": "balanced", "metric": "auc"}, True),
        ("days", {"loss": "absolute"}, True),
        ("days", {"weight": 1}, True),
        ("days", {"target": "weeks"}, False),
        ("days", {"weight_column": "amount"}, False),
        ("days", {"kind": "quantiles"}, False),
        ("days", {"label_smoothing": 0.1}, False),  # not an option of that kind, refused by the stages
        ("returned", {"loss": "absolute"}, False),
        ("more", {"kind": "binary", "target": "more"}, False),
        ("odd", {"kind": "binray", "weight": 1}, False),
    ],
)
def test_the_digest_of_labels_ignores_options_of_objectives(task: str, options: dict[str, Any], same: bool) -> None:
    changed = TASKS | {task: TASKS.get(task, {}) | options}
    assert (labels_digest(changed) == labels_digest(TASKS)) is same


def test_the_digest_depends_on_the_order_of_tasks_and_not_of_options() -> None:
    assert labels_digest(dict(reversed(TASKS.items()))) != labels_digest(TASKS)
    reordered = {name: dict(reversed(options.items())) for name, options in TASKS.items()}
    assert labels_digest(reordered) == labels_digest(TASKS)


@pytest.mark.parametrize(
    ("slices", "additional"),
    [
        (["shop", "days"], []),
        (["shop", "weekday"], ["weekday"]),
        ({"columns": ["b", "a", "amount"], "margin": 1}, ["a", "b"]),
        *((value, []) for value in (None, "x", {}, {"columns": "x"}, [[]][:0])),
    ],
)
def test_only_columns_of_slices_that_nothing_else_reads_outdate_the_encoded_data(slices: Any, additional: Any) -> None:
    features = {"shop": {"kind": "categorical"}, "size": {"kind": "numeric", "column": "amount"}, "odd": None}
    tasks = {"days": {"kind": "regression", "target": "days"}, "flags": {"columns": ["c"]}, "odd": 1}
    params = {"features": features, "tasks": tasks, "gates": {"slices": slices}}
    assert additional_slice_columns(params) == additional
    assert (labels_digest(TASKS, additional) == labels_digest(TASKS)) is not bool(additional)
    assert additional_slice_columns([]) == additional_slice_columns({"gates": 1}) == []


@pytest.mark.parametrize("tasks", [None, [], ["a"], {"a": None}, {"a": {"kind": ["x"]}}, {1: {2: 3, "2": 4}}])
def test_an_invalid_section_of_tasks_has_a_digest(tasks: Any) -> None:
    assert labels_digest(tasks) != labels_digest(TASKS)


def test_the_file_has_a_digest_per_stage_and_one_of_the_labels(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="not found"):
        write_digests(tmp_path)
    (tmp_path / "params.yaml").write_text("tasks: {a: {kind: binary, target: t, weight: 2}}\n")
    write_digests(tmp_path)
    assert json.loads((tmp_path / "artifacts" / "digests.json").read_text()) == {
        "code": code_digests(CodeTree.installed((*EXCLUDED, CHAMPION))),
        "labels": labels_digest({"a": {"kind": "binary", "target": "t"}}),
    }


def test_reading_raw_rows_is_code_of_the_training_only_where_a_champion_teaches(tmp_path: Path) -> None:
    stages = []
    for teachers in ("{}", "{a: {kind: boosted}}", "{a: {kind: champion}}"):
        (tmp_path / "params.yaml").write_text(f"training: {{teachers: {teachers}}}\n")
        write_digests(tmp_path)
        stages.append(json.loads((tmp_path / "artifacts" / "digests.json").read_text())["code"])
    without, boosted, champion = stages
    assert without == boosted
    assert {stage for stage in without if without[stage] != champion[stage]} == {"train"}
    closures = [
        CodeTree.installed(excluded).closure("flows.stages.train", nested=True)
        for excluded in (EXCLUDED, (*EXCLUDED, CHAMPION))
    ]
    assert "mtl_core.data.prepare" in closures[0] - closures[1]


def test_code_is_read_without_an_import() -> None:
    code = (
        "import sys; from flows.pipeline.code import CodeTree; from flows.pipeline.digests import code_digests\n"
        "code_digests(CodeTree.installed())\n"
        "print(sorted({'torch', 'numpy', 'pydantic', 'mtl_core.config', 'mtl_core.tasks'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
