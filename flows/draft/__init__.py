"""Drafting a problem from a table: facts about its columns, proposals from the facts, a commented `params.yaml`."""
