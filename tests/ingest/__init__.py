"""Tests of the arrival of data."""
