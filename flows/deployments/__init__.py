"""Deployments on a Prefect server: prefect.yaml, and the processes of `mtl up`."""
