"""Doubts about columns that know a target, in the guesses of `mtl init`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flows.draft.facts import Sample
from mtl_core.features import Proposal
from mtl_core.leaks import find_leaks

__all__ = ["doubt_leaks"]


def doubt_leaks(seen: Sample, guesses: Mapping[str, Proposal], targets: Sequence[str]) -> dict[str, Proposal]:
    """The guesses by column, with a doubt at each feature, and a note at each column left out, that knows a target."""
    found = dict(guesses)
    columns = [name for name, guess in guesses.items() if guess.options or seen.facts[name].is_number]
    for leak in find_leaks(seen.table, columns, targets):
        for name in leak.columns:
            guess = found[name]
            if guess.options:
                words = [guess.doubt] if guess.doubt else []
                found[name] = replace(guess, doubt="; ".join([*words, f"{leak.words}; {leak.question}"]))
            else:
                found[name] = replace(guess, note=f"{guess.note}; {leak.words}")
    return found
