"""Stage `digests`: what the other stages depend on besides params and data.

Digests of their code and of the declared labels, and the champion that teaches.
"""

from pathlib import Path

from flows.layout import Layout
from flows.pipeline.digests import write_digests
from mtl_core.config.document import read_params
from mtl_core.teacher_files import keep_teacher


def run(folder: Path) -> None:
    """Write artifacts/digests.json, and artifacts/teacher where no champion teaches."""
    write_digests(folder)
    keep_teacher(Layout(folder).teacher, read_params(folder))
