"""Tests of the kinds of task."""
