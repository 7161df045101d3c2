"""Mean gain of one column of scores over another, with an interval over the months."""

import math
import statistics
from dataclasses import dataclass

from scipy.stats import t as student

from mtl_core.numbers import Number
from mtl_core.studies.replay.record import Replay, Scores


@dataclass(frozen=True, kw_only=True)
class MeanGain:
    """Mean over the months, and half the width of its 95% t interval (None for a single month)."""

    mean: float
    half_width: Number

    @property
    def low(self) -> Number:
        """Lower end of the interval."""
        return None if self.half_width is None else self.mean - self.half_width

    @property
    def high(self) -> Number:
        """Upper end of the interval."""
        return None if self.half_width is None else self.mean + self.half_width


def mean_gain(replay: Replay, task: str, scores: Scores, reference: Scores) -> MeanGain | None:
    """Mean gain in a task's metric, positive if `scores` are better; None if no month has both.

    The interval takes the months as independent. It is about the months, not about the rows within them or the seed.
    """
    pairs = zip(scores[task], reference[task], strict=True)
    gains = [gain for pair in pairs if (gain := replay.tasks[task].gain(*pair)) is not None]
    if not gains:
        return None
    half_width = None
    if len(gains) > 1:
        half_width = float(student.ppf(0.975, len(gains) - 1)) * statistics.stdev(gains) / math.sqrt(len(gains))
    return MeanGain(mean=statistics.fmean(gains), half_width=half_width)
