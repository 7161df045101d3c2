"""Coverage of the vocabularies of text features."""

import numpy as np

from mtl_core.features.text import FittedText
from mtl_core.report.run import Run
from mtl_core.report.vocabulary import vocabulary_coverage
from mtl_core.report.wording import number, percent
from mtl_core.text.tokenizer import tokenizer


def test_coverage_counts_the_tokens_of_every_text(run: Run) -> None:
    (feature,) = (feature for feature in run.encoder.features if isinstance(feature, FittedText))
    (measured,) = vocabulary_coverage(run)
    assert measured.feature == "note"
    assert [row[0] for row in measured.statistics.rows] == ["validation", "test"]
    unseen: dict[str, int] = {}
    for split, texts, per_text, covered, cut in measured.statistics.rows:
        column = run.raw_rows(split, ["note"])["note"].combine_chunks()
        every_token = tokenizer(1_000)(column)
        tokens = [row[:-1].tolist() for row in np.split(every_token.values, every_token.offsets[1:-1])]
        read = [token.lower() for row in tokens for token in row[: feature.max_tokens]]
        outside = [token for token in read if token not in feature.vocabulary.words]
        for token in outside:
            unseen[token] = unseen.get(token, 0) + 1
        assert int(texts) == len(column)
        assert per_text == number(len(read) / len(column), 3)
        assert covered == percent(1 - len(outside) / len(read))
        assert cut == percent(sum(len(row) > feature.max_tokens for row in tokens) / len(column))
    assert dict(measured.unseen).items() <= {word: str(count) for word, count in unseen.items()}.items()
    assert unseen
