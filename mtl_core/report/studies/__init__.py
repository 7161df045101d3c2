"""Sections of the report on studies, one file each."""
