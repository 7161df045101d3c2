"""Embeddings of token codes, the text encoder, and the row's vector of a text."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from mtl_core.nn.embedding import EMBEDDING_STD, embedding_lookup
from mtl_core.nn.sequences import GroupModule, GroupOutput, ItemSequence
from mtl_core.nn.text.words import PretrainedWords

if TYPE_CHECKING:
    from mtl_core.config.text import TextEncoderOptions
    from mtl_core.features.token_codes import CodeSizes

PART_SHARE = 4
"""The embedding of an affix, and that of a shape, have this fraction of a word's width."""


class TextInputs(GroupModule):
    """(B, L, codes) of several texts -> (B, texts * W) rows, and (B, L, W) encoded tokens of each text.

    All texts share the encoder, and each has its own embeddings. A row is the maximum over its tokens and end mark
    (Collobert et al. 2011, JMLR, section 3.2.3).
    """

    def __init__(
        self,
        blocks: Mapping[str, str],
        sizes: "Mapping[str, CodeSizes]",
        options: "TextEncoderOptions",
        *,
        vectors: Mapping[str, NDArray[np.float32]],
        parts: int,
        unseen: int,
    ) -> None:
        """Build the embeddings of all texts and their encoder.

        Args:
            blocks, sizes: feature -> its block, its numbers of ids.
            vectors: feature -> `vectors` of its TokenEmbedding, for those that have them.
            parts: number of codes of a token besides its word.
            unseen: id of all words outside the vocabulary; the words of the vocabulary follow.
        """
        super().__init__()
        self.blocks = dict(blocks)
        # A list, not a dict by name: a feature may have the name of a module's attribute.
        self.embeddings = nn.ModuleList(
            TokenEmbedding(sizes[feature], options.embedding, options.word_dropout, unseen, vectors.get(feature))
            for feature in blocks
        )
        part_width = max(1, options.embedding // PART_SHARE)
        self.encoder = options.build(options.embedding + parts * part_width)
        self.width = len(blocks) * self.encoder.out_width

    def forward(self, blocks: dict[str, Tensor]) -> GroupOutput:
        rows, sequences = [], {}
        width = self.encoder.out_width
        for index, (feature, block) in enumerate(self.blocks.items()):
            codes = blocks[block]  # (B, L, codes)
            mask = codes[:, :, 0] != 0
            items = self.encoder(self.embeddings[index](codes), mask)  # (B, L, W)
            rows.append(items.masked_fill(~mask.unsqueeze(2), -torch.inf).amax(dim=1))
            # The last item of a row is its end mark, which has no label.
            is_token = F.pad(mask[:, 1:], (0, 1))
            sequences[feature] = ItemSequence(items, is_token, index * width)
        return GroupOutput(tuple(rows), sequences)


class TokenEmbedding(nn.Module):
    """(B, L, codes) -> (B, L, embedding + parts * part width).

    In training a word is replaced by the unseen word with a certain probability; its affixes and shape stay, so that
    the network learns to read unseen words.

    With `vectors`, (words, V) of the ids from `unseen` + 1 on, the words begin with theirs, except where they are NaN.
    Vectors of ids beyond the trained ones are not trained.
    """

    def __init__(
        self,
        sizes: "CodeSizes",
        embedding: int,
        word_dropout: float,
        unseen: int,
        vectors: NDArray[np.float32] | None = None,
    ) -> None:
        super().__init__()
        part_width = max(1, embedding // PART_SHARE)
        width = embedding if vectors is None else vectors.shape[1]
        self.words = nn.Parameter(torch.empty(sizes.words, width).normal_(std=EMBEDDING_STD))
        self.parts = nn.Parameter(torch.empty(sizes.parts, part_width).normal_(std=EMBEDDING_STD))
        self.word_dropout, self.unseen = word_dropout, unseen
        self.pretrained = None
        if vectors is not None:
            # The scale of the other embeddings, so that words with and without a vector have the same scale.
            scaled = torch.from_numpy(vectors * np.float32(EMBEDDING_STD))
            trained = self.words.data[unseen + 1 :]
            initial = scaled[: len(trained)]
            trained.copy_(torch.where(initial.isnan(), trained, initial))
            self.pretrained = PretrainedWords(scaled[len(trained) :], sizes.words, embedding)

    def forward(self, codes: Tensor) -> Tensor:
        words, parts = codes[:, :, 0], codes[:, :, 1:]
        if self.training:
            dropped = (torch.rand(words.shape) < self.word_dropout) & (words > self.unseen)
            words = torch.where(dropped, self.unseen, words)
        return torch.cat([self._embedded_words(words), self._lookup(parts, self.parts).flatten(2)], dim=2)

    def _embedded_words(self, words: Tensor) -> Tensor:
        if self.pretrained is None:
            return self._lookup(words, self.words)
        trained = self._lookup(torch.where(words < len(self.words), words, self.unseen), self.words)
        embedded: Tensor = self.pretrained(words, trained)
        return embedded

    def _lookup(self, ids: Tensor, table: Tensor) -> Tensor:
        return embedding_lookup(ids.long(), table) if self.training else F.embedding(ids, table)
