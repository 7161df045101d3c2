"""Warnings about target leakage, in the proposals of `mtl init`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flows.draft.facts import TableSample
from mtl_core.features import Proposal
from mtl_core.leaks import Leak, find_leaks


def add_leak_warnings(
    sample: TableSample, proposals: Mapping[str, Proposal], targets: Sequence[str]
) -> dict[str, Proposal]:
    """Add a warning to each feature that predicts a target, and a note to each such left-out column."""
    columns = [name for name, proposal in proposals.items() if proposal.options or sample.facts[name].is_number]
    leaks: dict[str, list[Leak]] = {}
    for leak in find_leaks(sample.table, columns, targets):
        for name in leak.columns:
            leaks.setdefault(name, []).append(leak)
    result = dict(proposals)
    for name, column_leaks in leaks.items():
        proposal, descriptions = proposals[name], [leak.description for leak in column_leaks]
        if proposal.options:
            warnings = [*filter(None, [proposal.warning]), *descriptions, column_leaks[-1].question]
            result[name] = replace(proposal, warning="; ".join(warnings))
        else:
            result[name] = replace(proposal, note="; ".join([proposal.note, *descriptions]))
    return result
