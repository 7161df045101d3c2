"""The code of the stages as one digest, for problems that lie outside this source tree.

In this source tree `dvc.yaml` lists the code that each stage uses, file by file. A problem elsewhere cannot: its code
is an installed package, at another path on every machine. Its stages depend on the digest in `trunkline.json` instead,
which `mtl init` writes and the retrain flow renews, so that an upgrade of the package runs the stages again.
Where the digest is not under version control, as in examples/, the flow makes it.
"""

import hashlib
import json
from pathlib import Path

import flows
import mtl_core
from flows.pipeline import GRAPH
from mtl_core.files import write_text

__all__ = ["CODE", "code_digest", "refresh_code", "write_code"]

CODE = "trunkline.json"


def code_digest() -> str:
    """Changes whenever anything changes that a stage may use."""
    digest = hashlib.md5(usedforsecurity=False)
    package = Path(flows.__file__).parent
    library = Path(mtl_core.__file__).parent
    for path in (package / "layout.py", *sorted((package / "stages").glob("*.py")), *sorted(library.rglob("*.py"))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def write_code(folder: Path) -> None:
    """Writes down what code the folder's stages run with."""
    write_text(folder / CODE, json.dumps({"code": code_digest()}) + "\n")


def refresh_code(folder: Path) -> None:
    """Renews the digest where the folder keeps one, and writes it where only the folder's graph names it."""
    path = folder / CODE
    if path.exists():
        if json.loads(path.read_text(encoding="utf-8")) != {"code": code_digest()}:
            write_code(folder)
    elif _is_named(folder / GRAPH):
        write_code(folder)


def _is_named(graph: Path) -> bool:
    """Whether a stage depends on the digest."""
    return graph.exists() and f"- {CODE}:" in graph.read_text(encoding="utf-8")
