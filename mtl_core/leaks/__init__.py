"""Target leakage: columns that predict the target almost perfectly. Measured on raw rows, without a model."""

from mtl_core.leaks.find import find_leaks
from mtl_core.leaks.leak import Leak
from mtl_core.leaks.relation import most_related

__all__ = ["Leak", "find_leaks", "most_related"]
