"""Pretrained words: vectors that training does not change, and the projection of all words' vectors."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PretrainedWords(nn.Module):
    """(B, L) ids of words, (B, L, V) vectors of the trained ones -> (B, L, embedding).

    Ids from `first` on have the (words, V) `vectors`, which are not trained: an optimiser's step on 100,000 of them
    costs more than an LSTM. A learned projection adapts them to the tasks, together with the trained ones.
    """

    vectors: Tensor

    def __init__(self, vectors: Tensor, first: int, embedding: int) -> None:
        super().__init__()
        width = vectors.shape[1]
        # Row 0 is for all trained ids. Not persistent, since the encoder has the vectors: every checkpoint would repeat
        # them.
        self.register_buffer("vectors", F.pad(vectors, (0, 0, 1, 0)), persistent=False)
        self.projection = nn.Linear(width, embedding, bias=False)
        nn.init.normal_(self.projection.weight, std=width**-0.5)  # keeps the standard deviation
        self.first = first

    def forward(self, ids: Tensor, trained: Tensor) -> Tensor:
        rows = (ids - (self.first - 1)).clamp(min=0)
        frozen = F.embedding(rows, self.vectors)
        projected: Tensor = self.projection(torch.where((rows > 0).unsqueeze(2), frozen, trained))
        return projected
