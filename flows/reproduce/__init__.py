"""Reproduction of a version: its code, params and data in a clone, trained again and compared."""
