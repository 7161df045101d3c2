"""Coverage of the vocabularies of text features."""

from mtl_core.features.text import FittedText
from mtl_core.report.coverage import coverage
from mtl_core.report.run import Run
from mtl_core.report.wording import number, percent
from mtl_core.text.tokenizer import tokenizer


def test_coverage_counts_the_tokens_of_every_text(run: Run) -> None:
    (feature,) = (feature for feature in run.encoder.features if isinstance(feature, FittedText))
    (measured,) = coverage(run)
    assert measured.feature == "note"
    assert [row[0] for row in measured.statistics.rows] == ["validation", "test"]
    unseen: dict[str, int] = {}
    for split, texts, per_text, covered, cut in measured.statistics.rows:
        raw = [text or "" for text in run.raw_rows(split, ["note"])["note"].to_pylist()]
        tokens = [
            tokenizer(1_000)(run.raw_rows(split, ["note"])["note"].combine_chunks().slice(i, 1)).values[:-1]
            for i in range(len(raw))
        ]
        read = [token.lower() for row in tokens for token in row[: feature.max_tokens]]
        outside = [token for token in read if token not in feature.vocabulary.words]
        for token in outside:
            unseen[token] = unseen.get(token, 0) + 1
        assert int(texts) == len(raw)
        assert per_text == number(len(read) / len(raw), 3)
        assert covered == percent(1 - len(outside) / len(read))
        assert cut == percent(sum(len(row) > feature.max_tokens for row in tokens) / len(raw))
    assert dict(measured.unseen).items() <= {word: str(count) for word, count in unseen.items()}.items()
    assert unseen
