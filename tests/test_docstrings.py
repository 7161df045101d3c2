"""Docstrings: examples run, first words are plain, and public methods have one."""

import ast
import doctest
import inspect
from collections.abc import Callable, Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("flows", "mtl_core", "serving")
FOLDERS = (*PACKAGES, "benchmarks", "docs", "examples", "tests")
FILES = {folder: sorted((ROOT / folder).rglob("*.py")) for folder in FOLDERS}
MODULES = {
    package: [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in FILES[package]
    ]
    for package in PACKAGES
}
WITH_EXAMPLES = [
    name
    for package in PACKAGES
    for name, path in zip(MODULES[package], FILES[package], strict=True)
    if "    >>> " in path.read_text(encoding="utf-8")
]
AVOIDED = frozenset(
    ("And", "Are", "By", "How", "In", "Is", "Of", "One", "So", "That", "What", "Where", "Whether", "Which", "Who")
)
"""First words after which no noun phrase and no imperative follows."""


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples(name: str) -> None:
    result = doctest.testmod(import_module(name))
    assert result.attempted > 0
    assert result.failed == 0


def constants(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt | None, ast.Constant]]:
    """Strings that are statements, each with the statement before it."""
    for before, node in zip([None, *body], body, strict=False):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield before, node.value


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of every docstring of a module, class, function or attribute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            is_scope = not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for before, constant in constants(node.body):
                if before is None or is_scope:
                    yield constant.lineno, constant.value


def test_the_walk_finds_docstrings_of_modules_classes_functions_and_attributes() -> None:
    source = """'A.'
x = 1
'B.'
class C:
    'D.'
    y: int
    'E.'
    def f(self):
        'F.'
        y
        'no'
"""
    assert [text for _, text in docstrings(ast.parse(source))] == ["A.", "B.", "D.", "E.", "F."]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_docstring_begins_with_a_noun_phrase_or_an_imperative(folder: str) -> None:
    violations = [
        f"{path.relative_to(ROOT)}:{line}: {text[:40]}"
        for path in FILES[folder]
        for line, text in docstrings(ast.parse(path.read_text(encoding="utf-8")))
        if text.split(maxsplit=1)[0].strip(",.:;") in AVOIDED
    ]
    assert violations == []


def function_of(member: Any) -> Callable[..., Any] | None:
    """The function behind a method or property; None for anything else."""
    match member:
        case classmethod() | staticmethod():
            return member.__func__
        case property():
            return member.fget
        case cached_property():
            return member.func
    return member if inspect.isfunction(member) else None


def undocumented(cls: type) -> Iterator[str]:
    """Public methods and properties that the class defines, and that have no docstring in it or in a base class."""
    for name, member in vars(cls).items():
        function = function_of(member)
        if function is None or name.startswith("_") or function.__qualname__ != f"{cls.__qualname__}.{name}":
            continue  # the last: a function that is the value of an attribute, or was written by a library
        contracts = [vars(base)[name] for base in cls.__mro__ if name in vars(base)]
        if not any((function_of(contract) or contract).__doc__ for contract in contracts):
            yield f"{cls.__module__}.{function.__qualname__}"


def test_a_method_is_documented_by_itself_or_by_the_one_that_it_overrides() -> None:
    class Base:
        def inherited(self) -> None:
            """Documented."""

        def bare(self) -> None: ...

    class Derived(Base):
        def inherited(self) -> None: ...

        def bare(self) -> None: ...

        @property
        def size(self) -> int: ...

        def _private(self) -> None: ...

    assert [name.rpartition(".")[2] for name in undocumented(Derived)] == ["bare", "size"]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_method_is_documented(package: str) -> None:
    violations = [
        name
        for module in map(import_module, MODULES[package])
        for cls in vars(module).values()
        if inspect.isclass(cls) and cls.__module__ == module.__name__ and not cls.__name__.startswith("_")
        for name in undocumented(cls)
    ]
    assert violations == []
