"""Tests of balancing methods."""
