"""DVC: the graph of stages, digests of their code, pinned data, failures of stages, experiments."""
