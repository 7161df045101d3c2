"""Tests of commands, stages and flows."""
