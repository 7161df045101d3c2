"""Shared-bottom and MMoE of torch-rechub, trained with its `MTLTrainer` and loader, as in its documentation."""

from torch_rechub.basic.features import DenseFeature, SparseFeature
from torch_rechub.models.multi_task import MMOE, SharedBottom
from torch_rechub.trainers import MTLTrainer
from torch_rechub.utils.data import DataGenerator
from worker import serve


def build(options, columns, labels, kind):
    """Network of this kind and a function that trains it for a pass."""
    features = [
        SparseFeature(f"id{number}", size, options["embedding"]) for number, size in enumerate(options["sizes"])
    ]
    features += [DenseFeature(f"float{number}") for number in range(options["floats"])]
    tasks = ["classification" if task == "binary" else task for task in options["tasks"]]
    layers = {"dims": options["widths"], "dropout": options["dropout"]}
    towers = [{"dims": [options["head"]], "dropout": options["dropout"]} for _ in tasks]
    if kind == "mmoe":
        network = MMOE(features, tasks, options["experts"], expert_params=layers, tower_params_list=towers)
    else:
        network = SharedBottom(features, tasks, bottom_params=layers, tower_params_list=towers)
    trainer = MTLTrainer(network, tasks, optimizer_params={"lr": 1e-3})
    loader, *_ = DataGenerator(columns, labels).generate_dataloader(
        x_val=columns, y_val=labels, x_test=columns, y_test=labels, batch_size=options["batch_size"]
    )
    # An epoch of `fit` without its evaluation, in favour of the peer.
    return network, lambda: trainer.train_one_epoch(loader)


serve(build)
