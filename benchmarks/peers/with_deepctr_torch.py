"""Shared-bottom and MMoE of DeepCTR-Torch, trained with its `fit`, as in its documentation."""

from deepctr_torch.inputs import DenseFeat, SparseFeat
from deepctr_torch.models.multitask import MMOE, SharedBottom
from worker import serve


def build(options, columns, labels, kind):
    """Network of this kind, compiled, and a function that trains it for a pass."""
    features = [SparseFeat(f"id{number}", size, options["embedding"]) for number, size in enumerate(options["sizes"])]
    features += [DenseFeat(f"float{number}") for number in range(options["floats"])]
    common = {
        "tower_dnn_hidden_units": (options["head"],),
        "dnn_dropout": options["dropout"],
        "l2_reg_embedding": 0,  # 1e-5 by default; Trunkline has none
        "task_types": options["tasks"],
        "task_names": [str(number) for number in range(len(options["tasks"]))],
    }
    if kind == "mmoe":
        network = MMOE(
            features,
            num_experts=options["experts"],
            expert_dnn_hidden_units=options["widths"],
            gate_dnn_hidden_units=(),  # a linear gate, as in Trunkline and the paper
            **common,
        )
    else:
        network = SharedBottom(features, bottom_dnn_hidden_units=options["widths"], **common)
    losses = {"binary": "binary_crossentropy", "regression": "mae"}
    network.compile("adam", [losses[task] for task in options["tasks"]], metrics=[])
    # A copy, since `fit` modifies its argument.
    return network, lambda: network.fit(dict(columns), labels, batch_size=options["batch_size"], epochs=1, verbose=0)


serve(build)
