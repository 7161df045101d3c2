"""Tests of reading, splitting and encoding data."""
