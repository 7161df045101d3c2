"""Relatedness of tasks: affinities, gradient cosines, groupings, and a map of task vectors."""
