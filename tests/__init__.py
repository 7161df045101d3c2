"""Tests of Trunkline."""
