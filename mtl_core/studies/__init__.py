"""Studies: results of several trainings of one problem.

A package per study: comparison with single-task models, relatedness of the tasks, hyperparameter search. `record` is
the JSON file that a command writes and the report draws; `study` runs the trainings.
"""
