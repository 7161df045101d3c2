"""The side of benchmarks/training_step.py that lives in a peer's environment: a request line in, an answer line out.

The folder holds ids.npy (rows, C), floats.npy (rows, D) and labels.npy (rows, T), all float32, and problem.json. The
first answer is {"parameters": {kind of network: how many}}; then each line names a kind, and the answer is
{"seconds": processor seconds of one pass over the rows}.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

Build = Callable[[dict[str, Any], dict[str, np.ndarray], np.ndarray, str], tuple[torch.nn.Module, Callable[[], object]]]
"""Options, columns by name, (rows, T) labels, kind of network -> a network, and one pass of its training."""


def serve(build: Build) -> None:
    """Answers until the input ends. What the peer prints goes where its errors go."""
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # as in our training; to the peer's favour
    options = json.loads((folder / "problem.json").read_text())
    ids, floats, labels = (np.load(folder / f"{name}.npy") for name in ("ids", "floats", "labels"))
    columns = {f"id{place}": np.ascontiguousarray(column) for place, column in enumerate(ids.T)}
    columns |= {f"float{place}": np.ascontiguousarray(column) for place, column in enumerate(floats.T)}
    made = {kind: build(options, columns, labels, kind) for kind in options["kinds"]}
    sizes = {kind: sum(p.numel() for p in network.parameters()) for kind, (network, _) in made.items()}
    print(json.dumps({"parameters": sizes}), file=answers, flush=True)
    for line in sys.stdin:
        run = made[line.strip()][1]
        began = time.process_time()
        run()
        print(json.dumps({"seconds": time.process_time() - began}), file=answers, flush=True)
