"""Drafting a problem from a table: facts about its columns, guesses from the facts, a commented `params.yaml`."""
