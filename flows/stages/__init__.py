"""The stages of `dvc.yaml`, one module each, so that a stage imports only what it needs; each has `run(folder)`."""
