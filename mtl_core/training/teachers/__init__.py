"""Teachers, one file each: who says something of the training rows that a task can learn from."""

from mtl_core.training.teachers.declared import OnTeacher, declared_teachers
from mtl_core.training.teachers.own_best import own_best

__all__ = ["OnTeacher", "declared_teachers", "own_best"]
