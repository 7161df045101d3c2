"""Tests of params.yaml and its models."""
