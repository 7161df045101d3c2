"""Quality on Census-Income: one network for both tasks, several seeds, compared with LightGBM, a model per task.

    python benchmarks/census.py [--seeds 5] [--set model.embedding=16 ...]

Uses the params.yaml of examples/census, except for the seed and the options of --set. The published test file is halved
by a fixed permutation into validation, on which everything is selected, and test, which is evaluated once. Trees use
the same columns, and stop on the same validation rows. A seed that was trained before is not trained again. The last
line is one JSON object: {"test": {task: {metric: {"mean", "std"}}}}.
"""

from against_trees import main

if __name__ == "__main__":
    main("census", __doc__)
