"""The report: what a run learned and how well, as one self-contained HTML page of pictures.

artifacts -> Run (the only module that reads files) -> facts and pictures -> page
"""
