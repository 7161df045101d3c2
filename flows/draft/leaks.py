"""Doubts about target leakage, in the proposals of `mtl init`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flows.draft.facts import Sample
from mtl_core.features import Proposal
from mtl_core.leaks import find_leaks


def doubt_leaks(seen: Sample, guesses: Mapping[str, Proposal], targets: Sequence[str]) -> dict[str, Proposal]:
    """The proposals by column, with a doubt or, for a left-out column, a note where one predicts a target."""
    columns = [name for name, guess in guesses.items() if guess.options or seen.facts[name].is_number]
    words: dict[str, list[str]] = {}
    questions: dict[str, str] = {}
    for leak in find_leaks(seen.table, columns, targets):
        for name in leak.columns:
            words.setdefault(name, []).append(leak.description)
            questions[name] = leak.question
    found = dict(guesses)
    for name, texts in words.items():
        guess = guesses[name]
        if guess.options:
            found[name] = replace(guess, doubt="; ".join([*filter(None, [guess.doubt]), *texts, questions[name]]))
        else:
            found[name] = replace(guess, note="; ".join([guess.note, *texts]))
    return found
