"""The declared problem is read without importing what it declares.

config's files import neither torch nor onnx, nor modules that do. Options import what they configure when they build
it.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mtl_core.config

FOLDER = Path(mtl_core.config.__file__).parent
LIGHT = {*sys.stdlib_module_names, "pydantic", "pydantic_core", "ruamel"}
OURS = {"config", "errors", "features", "frozen", "names", "schema", "tasks"}
"""Modules of mtl_core that config may import."""


def imported(body: list[ast.stmt]) -> Iterator[str]:
    """Names of the modules that are imported when a module is: not inside of functions, not for types alone."""
    for node in body:
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module)):
                yield module
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                continue
            case ast.If() | ast.Try() | ast.ClassDef() | ast.With():
                yield from imported(node.body)


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_config_imports_only_what_is_light(path: Path) -> None:
    for module in imported(ast.parse(path.read_text(encoding="utf-8")).body):
        package, _, rest = module.partition(".")
        assert rest.partition(".")[0] in OURS if package == "mtl_core" else package in LIGHT, module
