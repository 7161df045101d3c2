"""Output of `mtl models`: a row per version of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from flows.console.terminal import open_console

if TYPE_CHECKING:
    from serving.champion import Refusal

__all__ = ["print_models", "refusal_text"]


def print_models(models: list[dict[str, Any]]) -> None:
    """Version, champion's mark, checks, and metrics on test."""
    table = Table("version", "champion", "checks", "metrics on test")
    for model in models:
        # Metric checks are named TASK.METRIC.
        metrics = [
            f"{check['name']} {check['value']:.4g}"
            for check in model["checks"]
            if "." in check["name"] and " " not in check["name"]
        ]
        passed = sum(check["passed"] for check in model["checks"])
        champion = (
            (Text("refused", "red") if model["refused"] else Text("serving", "green")) if model["champion"] else ""
        )
        checks = Text("damaged", "red") if model["damage"] else f"{passed} of {len(model['checks'])} passed"
        table.add_row(model["version"], champion, checks, "\n".join(metrics))
    console = open_console()
    console.print(table)
    for model in models:
        if model["damage"]:
            words = f"{model['version']} cannot be served: {model['damage']}"
            console.print(words, style="red", highlight=False, soft_wrap=True)


def refusal_text(refusal: Refusal) -> str:
    """Message: the champion that a service could not load, the reason, and the version that it answers with."""
    return (
        f"a service could not load {refusal.champion} at {refusal.at:%Y-%m-%d %H:%M:%S} UTC and answers with "
        f"{refusal.serving or 'no version'}: {refusal.reason}\n"
        "it tries again when the files of that version change, or when a version is promoted"
    )
