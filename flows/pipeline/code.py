"""Code of a module: the files that it imports, directly or through others, by reading the sources.

Nothing is imported: a stage's digest needs neither torch nor the module itself.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("flows", "mtl_core")
EXCLUDED = ("flows.console",)
"""Output in a terminal changes no artifact."""
DATA = (".css", ".html", ".j2", ".js", ".md", ".yaml")
"""Suffixes of the data files that are installed with the modules, and count as code."""


class CodeTree:
    """Packages as files.

    Args:
        roots: name of a top-level package -> its folder.
        excluded: modules and packages that no closure contains.
    """

    def __init__(self, roots: Mapping[str, Path], excluded: Iterable[str] = EXCLUDED) -> None:
        self._roots, self._excluded = dict(roots), tuple(excluded)
        self._imports: dict[str, tuple[set[str], set[str]]] = {}

    @classmethod
    def installed(cls, excluded: Iterable[str] = EXCLUDED) -> "CodeTree":
        """The packages of this interpreter, in a source tree or installed."""
        roots = {}
        for name in PACKAGES:
            spec = find_spec(name)
            assert spec is not None
            assert spec.origin is not None
            roots[name] = Path(spec.origin).parent
        return cls(roots, excluded)

    def closure(self, module: str, *, nested: bool) -> frozenset[str]:
        """The module and its direct and indirect imports, with the packages around each.

        Args:
            nested: whether imports inside functions count. Those under TYPE_CHECKING never do.
        """
        closure: set[str] = set()
        queue = [module]
        while queue:
            name = queue.pop()
            if name in closure or self._file(name) is None or self._is_excluded(name):
                continue
            closure.add(name)
            if "." in name:
                queue.append(name.rpartition(".")[0])
            at_import, in_functions = self._imported(name)
            queue += at_import | in_functions if nested else at_import
        return frozenset(closure)

    def digest(self, module: str, *, nested: bool) -> str:
        """MD5 over the paths and bytes of all files of the closure, modules and data."""
        digest = hashlib.md5(usedforsecurity=False)
        for name, path in sorted(self._files(self.closure(module, nested=nested))):
            digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()

    def _files(self, modules: Iterable[str]) -> Iterator[tuple[str, Path]]:
        """(path below the packages, file) of the modules, and of the data files of packages."""
        for name in modules:
            path = self._file(name)
            assert path is not None
            root = self._roots[name.partition(".")[0]].parent
            yield path.relative_to(root).as_posix(), path
            if path.name == "__init__.py":
                for data in _data_files(path.parent):
                    yield data.relative_to(root).as_posix(), data

    def _file(self, module: str) -> Path | None:
        """The module's source; None for a name that is no module of these packages."""
        top, *rest = module.split(".")
        if top not in self._roots:
            return None
        base = self._roots[top].joinpath(*rest)
        package, plain = base / "__init__.py", base.with_name(f"{base.name}.py")
        return package if package.is_file() else plain if rest and plain.is_file() else None

    def _is_excluded(self, module: str) -> bool:
        return any(module == name or module.startswith(f"{name}.") for name in self._excluded)

    def _imported(self, module: str) -> tuple[set[str], set[str]]:
        """Names that the module imports when it is imported itself, and those that its functions import."""
        if module not in self._imports:
            path = self._file(module)
            assert path is not None
            package = module if path.name == "__init__.py" else module.rpartition(".")[0]
            names: tuple[set[str], set[str]] = (set(), set())
            for node, in_function in _imports(ast.parse(path.read_bytes(), str(path)).body):
                names[in_function].update(_names(node, package))
            self._imports[module] = names
        return self._imports[module]


def _data_files(folder: Path) -> Iterator[Path]:
    """Data files of the folder and its subfolders, without those that are packages themselves."""
    for path in folder.iterdir():
        if path.is_dir():
            if not (path / "__init__.py").exists():
                yield from _data_files(path)
        elif path.suffix in DATA:
            yield path


def _imports(nodes: Iterable[ast.AST], in_function: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """(import, whether it is in a function) of the statements, without those that only a type checker reads."""
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, in_function
        elif isinstance(node, ast.If) and _is_type_checking(node.test):
            yield from _imports(node.orelse, in_function)
        elif not isinstance(node, ast.expr):
            is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from _imports(ast.iter_child_nodes(node), in_function or is_function)


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"


def _names(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[str]:
    """Every module that an import may name; a name after `from x import` may be a module or not."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = node.module or ""
    if node.level:
        parents = package.split(".")
        base = ".".join([*parents[: len(parents) - node.level + 1], *([base] if base else [])])
    yield base
    yield from (f"{base}.{alias.name}" for alias in node.names)
