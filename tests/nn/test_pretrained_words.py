"""Embeddings of tokens with word vectors: which are trained, from where they start, and how they are projected."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mtl_core.features.token_codes import CODES, FIRST_WORD, UNSEEN, CodeSizes
from mtl_core.nn.embedding import EMBEDDING_STD
from mtl_core.nn.text.inputs import TokenEmbedding
from mtl_core.nn.text.words import PretrainedWords

TRAINED, FROZEN, WIDTH, EMBEDDING = 4, 3, 5, 6
VECTORS = np.random.default_rng(0).normal(size=(TRAINED + FROZEN, WIDTH)).astype(np.float32)
VECTORS[1] = np.nan
"""The second word of the training split has no vector."""
IDS = FIRST_WORD + TRAINED + FROZEN


def embedding(vectors: np.ndarray = VECTORS, word_dropout: float = 0.0) -> TokenEmbedding:
    torch.manual_seed(0)
    return TokenEmbedding(CodeSizes(FIRST_WORD + TRAINED, 9), EMBEDDING, word_dropout, UNSEEN, vectors)


def pretrained(of: TokenEmbedding) -> PretrainedWords:
    assert isinstance(of.pretrained, PretrainedWords)
    return of.pretrained


def codes() -> Tensor:
    """(IDS, 1, CODES): one row for each word."""
    return F.pad(torch.arange(IDS, dtype=torch.int32).reshape(-1, 1, 1), (0, CODES - 1))


def test_trained_words_start_at_their_vectors_where_they_have_one() -> None:
    words = embedding().words.detach()
    known = [0, 2, 3]
    np.testing.assert_array_equal(words[FIRST_WORD:][known], VECTORS[known] * np.float32(EMBEDDING_STD))
    others = words[[*range(FIRST_WORD), FIRST_WORD + 1]]
    assert others.isfinite().all()
    assert len(others.unique(dim=0)) == len(others)


def test_a_word_is_embedded_as_its_projected_vector() -> None:
    module = embedding().eval()
    table = torch.cat([module.words, torch.from_numpy(VECTORS[TRAINED:] * np.float32(EMBEDDING_STD))])
    expected = pretrained(module).projection(table)
    torch.testing.assert_close(module(codes())[:, 0, :EMBEDDING], expected)
    torch.testing.assert_close(module.train()(codes())[:, 0, :EMBEDDING], expected)


def test_training_moves_the_trained_words_and_no_other_vector() -> None:
    module = embedding()
    before, frozen = module.words.detach().clone(), pretrained(module).vectors.clone()
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        module(codes()).square().sum().backward()
        optimizer.step()
    assert (module.words != before).any(dim=1).all()
    assert torch.equal(pretrained(module).vectors, frozen)


def test_a_frozen_word_changes_no_trained_one() -> None:
    module = embedding()
    module(codes()[-FROZEN:]).sum().backward()
    assert module.words.grad is not None
    assert not module.words.grad.any()


def test_checkpoints_do_not_repeat_the_frozen_vectors() -> None:
    assert set(embedding().state_dict()) == {"words", "parts", "pretrained.projection.weight"}


def test_the_projection_keeps_the_scale() -> None:
    vectors = np.random.default_rng(1).normal(size=(TRAINED + 2_000, 100)).astype(np.float32)
    torch.manual_seed(0)
    module = TokenEmbedding(CodeSizes(FIRST_WORD + TRAINED, 9), 200, 0.0, UNSEEN, vectors).eval()
    ids = torch.arange(FIRST_WORD + TRAINED, FIRST_WORD + TRAINED + 2_000, dtype=torch.int32)
    words = module(F.pad(ids.reshape(-1, 1, 1), (0, CODES - 1)))[..., :200]
    assert words.std().item() == pytest.approx(EMBEDDING_STD, rel=0.05)


def test_word_dropout_replaces_frozen_words_too() -> None:
    module = embedding(word_dropout=1.0)
    words = module(codes())[FIRST_WORD:, 0, :EMBEDDING]
    torch.testing.assert_close(words, words[:1].expand_as(words))


def test_every_word_of_the_file_may_be_in_the_training_split() -> None:
    module = embedding(VECTORS[:TRAINED]).eval()
    words = module(codes()[: FIRST_WORD + TRAINED])[:, 0, :EMBEDDING]
    torch.testing.assert_close(words, pretrained(module).projection(module.words))
