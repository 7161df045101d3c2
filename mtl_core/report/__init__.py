"""The report: what a run learned and how well, as one self-contained HTML page of pictures.

artifacts -> Run (the only module that reads files) -> facts and pictures -> page
"""

from mtl_core.report.page import render
from mtl_core.report.run import Paths, read_run

__all__ = ["Paths", "read_run", "render"]
