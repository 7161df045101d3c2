"""The report of a run: one self-contained HTML page with metrics, plots and tables.

artifacts -> Run (run.py, the only module that reads files) -> variables and figures -> page
"""
