"""Labels, as text, of tasks whose classes are bands of a number."""

import numpy as np
import pyarrow as pa

from mtl_core.arrow import as_numbers
from mtl_core.tasks.base import Task
from mtl_core.tasks.binary import Binary
from mtl_core.tasks.classes import ClassTask


def band_labels(task: Task, table: pa.Table) -> pa.Array | None:
    """(rows,) labels of a task whose classes are bands of a number; None for any other task."""
    edges: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    if isinstance(task, Binary) and task.at_least is not None:
        edges, names = (task.at_least,), (f"below {task.at_least:g}", f"{task.at_least:g} or more")
    elif isinstance(task, ClassTask):
        edges, names = task.edges, task.classes
    if not edges:
        return None
    numbers = as_numbers(table[task.target].combine_chunks())
    labels = [names[index] for index in np.digitize(numbers, edges)]
    return pa.array(labels, mask=np.isnan(numbers))
