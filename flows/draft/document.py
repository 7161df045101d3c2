"""A draft as the text of `params.yaml`, with notes and warnings as comments."""

import io
import re
from collections.abc import Mapping
from math import ceil
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import CommentMark
from ruamel.yaml.scalarstring import DoubleQuotedScalarString
from ruamel.yaml.tokens import CommentToken

from flows.draft.patterns import group_lines
from flows.draft.proposals import Draft
from flows.draft.reading import DetectedOptions
from mtl_core.config.document import flow_style
from mtl_core.config.gates import Latency
from mtl_core.config.patterns import distinct_names
from mtl_core.features import Proposal

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*( [A-Za-z0-9_]+)*")
RESERVED = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"}

COMMENTS = {
    "features": "Keep only columns that are known at prediction time; columns filled later leak the target.",
    "model": """\
The shared network and its training. Options that are not declared here have their defaults. Documentation:
docs/training.md, docs/trunks.md, docs/balancing.md, docs/stopping.md.""",
    "export": "{int8: true} exports 8-bit weights: a smaller and faster graph. It requires gates.parity, the largest"
    " difference allowed.",
    "gates": """\
Conditions that a model must pass before it can be served. By default, a task that is significantly worse than the
baseline fails, and one that is not significantly better gives a warning. All gates: docs/gates.md. Example:
  gates: {metrics: {TASK: {METRIC: limit}}, baseline: {TASK: required}}""",
    "tuning": "Search space of `mtl tune`. Documentation: docs/tuning.md",
}
"""Section -> the comment before it."""
ROLLING = """\
Boundaries that move with the newest row: {train: 9 months, validation: 1 month, test: 1 month}, without the dates.
Documentation: docs/splits.md#rolling-windows"""
"""The comment before a split by time."""
SEARCH_SPACE: dict[str, Any] = {
    "training.learning_rate": {"low": 0.0003, "high": 0.01, "log": True},
    "model.trunk.widths": {"choices": [[128], [256, 256], [512, 512]]},
    "model.trunk.dropout": {"low": 0.0, "high": 0.5},
    "model.private": {"choices": [0, 32, 64]},
}
"""The search space of `mtl tune`."""
END = """
# To improve a task, look at its learning curve in artifacts/report.html. Then try more epochs, patience, dropout and
# learning rate, other trunks, and teachers. Documentation: docs/not-good-enough.md
"""
TOKENS_PER_MS, TOKENS_PER_100_MS = 10, 2.5
"""Tokens of the longest text that raise the limit of a row by 1 ms, and that of 1,000 rows by 100 ms: two to three
times the time of the default encoder.
"""
DEFAULT_TEXT = "text"
"""The feature of `tagging.text` if it is not declared."""
MANY_FEATURES = 100
"""Number of features above which they take most of the time of a call, so that limits proportional to it are written.
"""


def document(name: str, path: str, draft: Draft) -> str:
    """The text of the file. `path`: path of the data, relative to the problem's folder."""
    sections = CommentedMap(
        name=name,
        data=_data(path, draft.reading),
        split=_options(draft.split.options),
        features=_features(draft),
        tasks=_tasks(draft),
        model=CommentedMap(),
        training=_training(draft),
        export=CommentedMap(),
        gates=_gates(draft),
        tuning=CommentedMap(
            trials=20, space=CommentedMap((option, flow_style(values)) for option, values in SEARCH_SPACE.items())
        ),
    )
    _comment(sections, "split", draft.split)
    uncertain = "1 guess is" if len(draft.warnings) == 1 else f"{len(draft.warnings)} guesses are"
    sections.yaml_set_start_comment(
        f"Drafted by `mtl init` from the data. {uncertain} uncertain: search for `warning:`.\n"
        "`mtl check` validates this file and shows all defaults."
    )
    if draft.left_out:
        reasons = {column: _comment_text(proposal) for column, proposal in draft.left_out.items()}
        lines = "\n".join(["left out:", *(f"  {line}" for line in group_lines(reasons, by_name=True))])
        sections.yaml_set_comment_before_after_key("tasks", before=lines, indent=2)
    comments = COMMENTS | ({"split": ROLLING} if draft.split.options["by"] == "time" else {})
    for section in list(sections)[1:]:
        sections.yaml_set_comment_before_after_key(section, before=f"\n{comments.get(section, '')}")
    yaml, text = YAML(), io.StringIO()
    yaml.width = 1_000_000  # no line is folded
    yaml.dump(sections, text)
    return text.getvalue() + END


def _quoted(value: Any) -> Any:
    """A scalar for ruamel.yaml: text in quotes, except words that every YAML parser reads as text."""
    if not isinstance(value, str) or (PLAIN.fullmatch(value) and value.lower() not in RESERVED):
        return value
    return DoubleQuotedScalarString(value)


def _data(path: str, reading: DetectedOptions) -> CommentedMap:
    data = CommentedMap(path=_quoted(path))
    if reading.format is not None:
        data["format"] = reading.format
    if options := reading.options.csv.model_dump(exclude_defaults=True):
        data["csv"] = flow_style(options, _quoted)
        _comment(data, "csv", Proposal(warning=reading.warnings.get("data.csv", "")))
    if reading.options.dates:
        dates = data["dates"] = _options(reading.options.dates)
        for column in reading.options.dates:
            _comment(dates, column, Proposal(warning=reading.warnings.get(f"data.dates.{column}", "")))
    return data


def _features(draft: Draft) -> CommentedMap:
    """An entry per pattern, at the position of its first column, and one per feature that is declared by name."""
    pattern_of = {column: name for name, pattern in draft.patterns.items() for column in pattern.columns}
    names, features = _feature_names(draft), CommentedMap()
    for column, proposal in draft.features.items():
        name, options = pattern_of.get(column), dict(proposal.options)
        if name is None:
            name = names[column]
            options |= {"column": column} if name != column else {}
        elif name in features:
            continue
        else:
            proposal = draft.patterns[name].proposal
            options = dict(proposal.options)
        features[_quoted(name)] = flow_style(options, _quoted)
        _comment(features, name, proposal)
    return features


def _tasks(draft: Draft) -> CommentedMap:
    names, tasks = distinct_names(draft.tasks, taken=draft.features), CommentedMap()
    texts = _feature_names(draft)
    for column, proposal in draft.tasks.items():
        options = {"kind": proposal.options["kind"], "target": column, **proposal.options}
        if (text := texts.get(options.pop("text", ""), DEFAULT_TEXT)) != DEFAULT_TEXT:
            options["text"] = text
        task = tasks[_quoted(names[column])] = _options(options)
        _comment(task, "kind", proposal)
    return tasks


def _feature_names(draft: Draft) -> dict[str, str]:
    """Column -> name of its feature, for the features that are declared by name."""
    in_patterns = {column for pattern in draft.patterns.values() for column in pattern.columns}
    return distinct_names(column for column in draft.features if column not in in_patterns)


def _training(draft: Draft) -> CommentedMap:
    training = CommentedMap(seed=0)
    if any(task.options["kind"] == "tagging" for task in draft.tasks.values()):
        training["balancing"] = flow_style({"method": "mean"})
        note = "by default a task weighs more as its loss falls, and an easy one soon outweighs the tags"
        _comment(training, "balancing", Proposal(note=note))
    return training


def _gates(draft: Draft) -> CommentedMap:
    """The limits of latency, where the default ones are for fewer features, or for features without texts."""
    gates, default = CommentedMap(), Latency()
    features, longest = len(draft.features), sum(feature.tokens for feature in draft.features.values())
    row, thousand = default.rows_1 or 0.0, int(default.rows_1000 or 0)
    notes: list[str] = []
    if features > MANY_FEATURES:
        row, thousand = features / 10, features * 2
        notes.append(f"for {features:,} features")
    if longest:
        row += ceil(longest / TOKENS_PER_MS)
        thousand += 100 * ceil(longest / TOKENS_PER_100_MS)
        notes.append(f"for texts of up to {longest:,} tokens; the longest one of a call determines its time")
    if notes:
        gates["latency_ms"] = flow_style({"rows_1": row, "rows_1000": thousand})
        _comment(gates, "latency_ms", Proposal(note="; ".join(notes)))
    return gates


def _options(options: Mapping[str, Any]) -> CommentedMap:
    return CommentedMap((_quoted(key), flow_style(value, _quoted)) for key, value in options.items())


def _comment(section: CommentedMap, key: str, proposal: Proposal) -> None:
    if text := _comment_text(proposal):
        section.ca.items[key] = [None, None, CommentToken(f" # {text}\n", CommentMark(0)), None]


def _comment_text(proposal: Proposal) -> str:
    """Note and warning, without characters that would end the line."""
    warning = f"warning: {proposal.warning}" if proposal.warning else ""
    text = "; ".join(filter(None, (proposal.note, warning)))
    return "".join(character if character.isprintable() else " " for character in text)
