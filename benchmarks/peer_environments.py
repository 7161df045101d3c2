"""A peer's environment, made once, and the process in it that trains the peer's networks."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from problems import ROOT

TORCH = "torch==2.13.0"
"""As in pyproject.toml: both sides compute with the same kernels."""
PEERS = {
    "deepctr_torch": (TORCH, "deepctr-torch==0.3.0", "requests"),  # which it imports and does not ask for
    "torch_rechub": (TORCH, "torch-rechub==0.9.0"),
    "boosted_trees": (
        "lightgbm==4.7.0",
        "catboost==1.2.10",
        "xgboost-cpu==3.2.0",
        "scikit-learn==1.9.1",
        "pandas==3.1.1",
    ),
    "tabular_networks": (TORCH, "pytabkit==1.8.0"),
}
"""Name -> what pip installs."""
HOME = ROOT / ".trunkline" / "benchmarks" / "peers"


def environment(peer: str) -> Path:
    """The peer's Python; made where there is none, from the index that pip is set to. SystemExit where that fails."""
    place = HOME / peer
    packages = PEERS[peer]
    python, stamp, wanted = place / "bin" / "python", place / "installed", " ".join(packages)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print(f"making the environment of {peer}; the first time takes a minute or more", file=sys.stderr)
    make = [sys.executable, "-m", "venv", "--clear", str(place)]
    install = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", *packages]
    for command in (make, install):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise SystemExit(
                f"{peer}: its environment must be made by `{' '.join(command)}`, which ended with {done.returncode}:\n"
                f"{done.stdout[-2000:]}\nRun that command until it passes, or leave the peer out with --peers"
            )
    stamp.write_text(wanted, encoding="utf-8")
    return python


class Worker:
    """A process in the peer's environment that trains on the arrays in a folder, a pass at a time."""

    def __init__(self, peer: str, folder: Path, threads: int) -> None:
        self.peer, self.log = peer, folder / f"{peer}.log"
        script = Path(__file__).parent / "peers" / f"with_{peer}.py"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [environment(peer), script, folder, str(threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.parameters: dict[str, int] = self._answer()["parameters"]

    def seconds(self, kind: str) -> float:
        """Processor seconds of a pass of that kind of network."""
        print(kind, file=self.process.stdin, flush=True)
        return float(self._answer()["seconds"])

    def close(self) -> None:
        self.process.communicate()

    def _answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            self.close()
            raise SystemExit(
                f"{self.peer}: its process must answer, and ended with {self.process.returncode}:\n"
                f"{self.log.read_text()[-2000:]}\nIf its environment is broken, remove {HOME / self.peer} and run again"
            )
        return json.loads(line)
