"""Studies: results of several trainings of one problem.

Do its tasks belong together, does sharing them pay, which options suit it. Each is a file of numbers that a command
writes and the report draws.
"""
