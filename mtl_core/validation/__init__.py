"""Validation: every part is held against the problem's Great Expectations suite before anything learns from it.

reference parts -> profile -> suite (a file that people edit)
part -> frame -> runner (the only module that imports Great Expectations) -> outcomes -> result, quarantine, Data Docs
"""
