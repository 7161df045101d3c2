"""Quality on the flights: one network for all tasks, several seeds, beside LightGBM, a model per task.

    python benchmarks/flights.py [--seeds 5] [--set training.stopping.policy=joint ...]

The main job's params.yaml but for the seed and what --set changes: trained on January to September, chosen on October,
measured on November and December. Trees see the same columns, and stop on October too. A seed that was trained before
is not trained again. The last line is one JSON object: {"test": {task: {metric: {"mean", "std"}}}}.
"""

from against_trees import main

if __name__ == "__main__":
    main("flights", __doc__)
