"""`mtl_core.config` imports neither torch nor onnx, nor modules that do. Options import these when they are built."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mtl_core.config

FOLDER = Path(mtl_core.config.__file__).parent
LIGHT = {*sys.stdlib_module_names, "pydantic", "pydantic_core", "ruamel"}
PACKAGES = {"config", "errors", "features", "frozen", "names", "schema", "tasks"}
"""Modules of mtl_core that config may import."""


def imported(body: list[ast.stmt]) -> Iterator[str]:
    """Modules that are imported with a module: not those in functions or under TYPE_CHECKING."""
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
def test_config_imports_only_light_modules(path: Path) -> None:
    for module in imported(ast.parse(path.read_text(encoding="utf-8")).body):
        package, _, rest = module.partition(".")
        assert rest.partition(".")[0] in PACKAGES if package == "mtl_core" else package in LIGHT, module
