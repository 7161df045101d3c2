"""Tests of layers and operators."""
