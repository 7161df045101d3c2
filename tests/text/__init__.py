"""Tests of texts and their tokens."""
