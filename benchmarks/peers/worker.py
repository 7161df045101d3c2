"""Worker process of benchmarks/training_step.py in a peer's environment: a request line in, a response line out.

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
    """Respond until the input ends. Output of the peer is redirected to stderr."""
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # as in Trunkline, in favour of the peer
    options = json.loads((folder / "problem.json").read_text())
    ids, floats, labels = (np.load(folder / f"{name}.npy") for name in ("ids", "floats", "labels"))
    columns = {f"id{number}": np.ascontiguousarray(column) for number, column in enumerate(ids.T)}
    columns |= {f"float{number}": np.ascontiguousarray(column) for number, column in enumerate(floats.T)}
    networks = {kind: build(options, columns, labels, kind) for kind in options["kinds"]}
    sizes = {kind: sum(p.numel() for p in network.parameters()) for kind, (network, _) in networks.items()}
    print(json.dumps({"parameters": sizes}), file=answers, flush=True)
    for line in sys.stdin:
        run = networks[line.strip()][1]
        start = time.process_time()
        run()
        print(json.dumps({"seconds": time.process_time() - start}), file=answers, flush=True)
