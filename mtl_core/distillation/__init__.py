"""Knowledge distillation: soft targets and their teachers, one per file (Hinton, Vinyals and Dean 2015)."""

from mtl_core.distillation.declared import OnTeacher, declared_teachers
from mtl_core.distillation.own_best import own_best
from mtl_core.distillation.soft_targets import SoftTargets
from mtl_core.distillation.store import TeacherStore

__all__ = ["OnTeacher", "SoftTargets", "TeacherStore", "declared_teachers", "own_best"]
