"""Prefect artifacts of a run: validation, learning curves, gates, metrics, links. One key per problem and kind.

Prefect's pages draw Markdown with tables and with images that are data URLs, and open only links to HTTP addresses.
"""
