"""Quality on the flights: one network for all tasks, several seeds, compared with LightGBM, a model per task.

    python benchmarks/flights.py [--seeds 5] [--set training.stopping.policy=joint ...]

Uses the params.yaml of the root, except for the seed and the options of --set. Trained on January to September,
validated on October, tested on November and December. Trees use the same columns, and also stop on October. A seed that
was trained before is not trained again. The last line is one JSON object: {"test": {task: {metric: {"mean", "std"}}}}.
"""

from against_trees import main

if __name__ == "__main__":
    main("flights", __doc__)
