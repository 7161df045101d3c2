"""Tests of the kinds of feature."""
