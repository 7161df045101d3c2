"""Knowledge distillation: soft targets and their teachers, one per file (Hinton, Vinyals and Dean 2015)."""

from mtl_core.distillation.champion import Champion
from mtl_core.distillation.self_distillation import self_distillation_targets
from mtl_core.distillation.soft_targets import SoftTargets
from mtl_core.distillation.store import TeacherStore
from mtl_core.distillation.teachers import OnTeacher, declared_teachers

__all__ = ["Champion", "OnTeacher", "SoftTargets", "TeacherStore", "declared_teachers", "self_distillation_targets"]
