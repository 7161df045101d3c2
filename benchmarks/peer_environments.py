"""Virtual environments of the peers, created once, and worker processes that train the peers' networks."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from problems import ROOT

TORCH = "torch==2.13.0"
"""As in pyproject.toml, so that both sides use the same kernels."""
PEERS = {
    "deepctr_torch": (TORCH, "deepctr-torch==0.3.0", "requests"),  # imported, but not required by it
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
    """The Python of the peer's environment, created if it does not exist. Exits if that fails."""
    folder = HOME / peer
    packages = PEERS[peer]
    python, stamp, requirements = folder / "bin" / "python", folder / "installed", " ".join(packages)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == requirements:
        return python
    print(f"creating the environment of {peer}, which takes a minute or more", file=sys.stderr)
    create = [sys.executable, "-m", "venv", "--clear", str(folder)]
    install = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", *packages]
    for command in (create, install):
        completed = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if completed.returncode:
            raise SystemExit(
                f"{peer}: its environment must be created by `{' '.join(command)}`, exit code {completed.returncode}:\n"
                f"{completed.stdout[-2000:]}\nRun that command until it passes, or leave the peer out with --peers"
            )
    stamp.write_text(requirements, encoding="utf-8")
    return python


class Worker:
    """A process in the peer's environment that trains on the arrays in a folder, one pass at a time."""

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
