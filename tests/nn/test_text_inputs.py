"""Embeddings of tokens, word dropout, pooled rows and items of text features."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mtl_core.config.text import GRU, LSTM, AnyTextEncoder, Conv, TextEncoderOptions, Transformer
from mtl_core.features.token_codes import CODES, END_WORD, FIRST_WORD, UNSEEN, CodeSizes
from mtl_core.nn.text.inputs import PART_SHARE, TextInputs, TokenEmbedding
from mtl_core.schema import tagged
from tests.strategies import patient

SIZES = CodeSizes(words=40, parts=30)
OPTIONS: dict[str, TextEncoderOptions] = {
    "conv": Conv(width=8, embedding=8),
    "gru": GRU(width=5, embedding=8),
    "lstm": LSTM(width=5, embedding=8),
    "transformer": Transformer(width=8, heads=2, embedding=8),
}
every_encoder = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


def inputs(options: TextEncoderOptions = OPTIONS["conv"], features: int = 1) -> TextInputs:
    """The module of texts a, b, ..., in evaluation mode."""
    torch.manual_seed(0)
    names = "abc"[:features]
    sizes, blocks = dict.fromkeys(names, SIZES), {name: f"text.{name}" for name in names}
    return TextInputs(blocks, sizes, options, vectors={}, parts=CODES - 1, unseen=UNSEEN).eval()


def batch(*lengths: int, padding: int = 0) -> Tensor:
    """(B, L, CODES) int32 codes of random rows of those lengths, each with its end mark, and more padding."""
    generator = torch.Generator().manual_seed(3)
    codes = torch.zeros(len(lengths), max(lengths) + 1 + padding, CODES, dtype=torch.int32)
    for row, length in enumerate(lengths):
        codes[row, :length, 0] = torch.randint(UNSEEN, SIZES.words, (length,), generator=generator)
        codes[row, :length, 1:] = torch.randint(1, SIZES.parts, (length, CODES - 1), generator=generator)
        codes[row, length, 0] = END_WORD
    return codes


def test_every_encoder_is_covered() -> None:
    assert set(OPTIONS) == set(tagged(AnyTextEncoder))


@every_encoder
@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=4), padding=st.integers(0, 3))
@patient
def test_a_row_does_not_depend_on_padding_or_other_rows(
    options: TextEncoderOptions, lengths: list[int], padding: int
) -> None:
    module, codes = inputs(options), batch(*lengths, padding=padding)
    with torch.no_grad():
        (rows,), sequences = module({"text.a": codes})
        assert rows.shape == (len(lengths), module.width)
        assert rows.isfinite().all()
        for row, length in enumerate(lengths):
            (alone,), of_alone = module({"text.a": codes[row : row + 1, : length + 1]})
            torch.testing.assert_close(alone[0], rows[row], rtol=1e-6, atol=4e-6)
            items = sequences["a"].items[row, : length + 1]
            torch.testing.assert_close(of_alone["a"].items[0], items, rtol=1e-6, atol=4e-6)


def test_a_row_is_the_maximum_over_tokens_and_end_mark() -> None:
    """Also where all encodings are negative, so that padding is not among them."""
    module = inputs()
    module.encoder.register_forward_hook(lambda _, inputs, output: (output - 99) * inputs[1].unsqueeze(2))
    (rows,), sequences = module({"text.a": batch(0, 1, 4, padding=2)})
    items = sequences["a"].items
    assert (rows < 0).all()
    for row, length in enumerate((0, 1, 4)):
        assert torch.equal(rows[row], items[row, : length + 1].amax(dim=0))


@given(lengths=st.lists(st.integers(0, 5), min_size=1, max_size=4), padding=st.integers(0, 3))
@patient
def test_the_mask_of_items_has_the_tokens_without_the_end_mark(lengths: list[int], padding: int) -> None:
    mask = inputs()({"text.a": batch(*lengths, padding=padding)}).sequences["a"].mask
    assert mask.sum(dim=1).tolist() == lengths
    assert torch.equal(mask, torch.arange(mask.shape[1]) < torch.tensor(lengths)[:, None])


def test_an_end_mark_within_a_text_is_a_token() -> None:
    codes = batch(3)
    codes[0, 1] = codes[0, 3]
    assert inputs()({"text.a": codes}).sequences["a"].mask.tolist() == [[True, True, True, False]]


def test_texts_share_the_encoder_and_have_their_own_embeddings() -> None:
    module = inputs(features=3)
    width = module.encoder.out_width
    blocks = {"text.a": batch(2, 0), "text.b": batch(5, 1), "text.c": batch(2, 0)}
    rows, sequences = module(blocks)
    assert module.width == 3 * width
    assert [row.shape for row in rows] == [(2, width)] * 3
    assert {name: sequence.start for name, sequence in sequences.items()} == {"a": 0, "b": width, "c": 2 * width}
    assert not torch.equal(rows[0], rows[2]), "equal texts of two features"
    for embedding in module.embeddings:
        embedding.load_state_dict(module.embeddings[0].state_dict())
    rows, _ = module(blocks)
    assert torch.equal(rows[0], rows[2])
    single = inputs().encoder
    assert sum(p.numel() for p in module.encoder.parameters()) == sum(p.numel() for p in single.parameters())


def test_names_of_features_may_be_those_of_attributes() -> None:
    blocks = {name: f"text.{name}" for name in ("forward", "parameters", "encoder")}
    module = TextInputs(
        blocks, dict.fromkeys(blocks, SIZES), OPTIONS["gru"], vectors={}, parts=CODES - 1, unseen=UNSEEN
    )
    assert module({block: batch(1) for block in blocks.values()}).sequences.keys() == blocks.keys()


# Embeddings and word dropout


def embedding(word_dropout: float) -> TokenEmbedding:
    torch.manual_seed(0)
    return TokenEmbedding(SIZES, embedding=8, word_dropout=word_dropout, unseen=UNSEEN)


def test_an_embedding_has_the_word_and_all_parts() -> None:
    module, codes = embedding(0.5).eval(), batch(3)
    out = module(codes)
    assert out.shape == (1, 4, 8 + (CODES - 1) * (8 // PART_SHARE))
    word, *parts = codes[0, 1].tolist()
    assert torch.equal(out[0, 1], torch.cat([module.words[word], *(module.parts[part] for part in parts)]))


def test_evaluation_drops_no_word_and_training_does_not_without_dropout() -> None:
    codes = batch(6, 2, padding=1)
    expected = embedding(0.9).eval()(codes)
    assert torch.equal(embedding(0.9).eval()(codes), expected)
    assert torch.equal(embedding(0).train()(codes), expected)


@pytest.mark.parametrize("probability", [0.15, 0.9])
def test_training_replaces_words_of_the_vocabulary_by_the_unseen_word(probability: float) -> None:
    """The end mark, padding, unseen words and all parts stay."""
    module, codes = embedding(probability), batch(*[200] * 50, padding=20)
    codes[:, ::7, 0] = codes[:, ::7, 0].clamp(max=UNSEEN)
    expected, out = module.eval()(codes), module.train()(codes)
    assert torch.equal(out[:, :, 8:], expected[:, :, 8:])
    changed = (out[:, :, :8] != expected[:, :, :8]).any(dim=2)
    is_word = codes[:, :, 0] >= FIRST_WORD
    assert not changed[~is_word].any()
    assert (out[changed][:, :8] == module.words[UNSEEN]).all()
    assert changed[is_word].float().mean().item() == pytest.approx(probability, abs=0.02)
    assert not torch.equal(module(codes), out), "other words in the next step"


def test_training_and_evaluation_have_equal_gradients_without_dropout() -> None:
    gradients: list[Any] = []
    for mode in (True, False):
        module = embedding(0).train(mode)
        module(batch(5, 0, 3)).square().sum().backward()
        gradients.append([parameter.grad for parameter in module.parameters()])
    for trained, evaluated in zip(*gradients, strict=True):
        torch.testing.assert_close(trained, evaluated)
