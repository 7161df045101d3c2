"""`model.text`: the encoder of a text's words, before pooling. The modules are in `mtl_core.nn.text`.

To add an encoder: write its file there and its options here, and add these to the union below.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from mtl_core.config.trunks.base import Count, Dropout, Width
from mtl_core.frozen import Frozen

if TYPE_CHECKING:
    from mtl_core.nn.text.encoder import TextEncoder


def _odd(kernel: int) -> int:
    if kernel % 2 == 0:
        raise ValueError(f"must be odd, so that a word is the middle of its neighbours, found {kernel}; add or take 1")
    return kernel


class TextEncoderOptions(Frozen, ABC):
    """Options of a text encoder. All text features share the encoder; each has its own embeddings."""

    kind: str
    embedding: Annotated[int, Field(ge=1, le=1_024)] = 100
    """Width of a word's embedding, the encoder's input."""
    word_dropout: Dropout = 0.15
    """Share of the words that training replaces by the unseen word (Iyyer, Manjunatha, Boyd-Graber and Daume 2015,
    "Deep Unordered Composition Rivals Syntactic Methods for Text Classification", section 3.2).
    """
    width: Width = 128
    """Width of every layer; with `lstm` and `gru` that of each direction."""

    @abstractmethod
    def build(self, width: int) -> "TextEncoder":
        """The encoder for a width of its inputs."""


class Conv(TextEncoderOptions):
    """Convolutions over neighbouring words, one layer after another (Collobert et al. 2011, JMLR).

    A word's encoding depends on at most `layers * (kernel // 2)` words before and after it.
    """

    kind: Literal["conv"] = "conv"
    layers: Count = 2
    kernel: Annotated[int, Field(ge=1, le=63), AfterValidator(_odd)] = 5
    """Number of neighbouring words that a layer combines, which is odd."""
    dropout: Dropout = 0.3

    def build(self, width: int) -> "TextEncoder":
        from mtl_core.nn.text.conv import ConvEncoder

        return ConvEncoder(width, self.width, layers=self.layers, kernel=self.kernel, dropout=self.dropout)


class GRU(TextEncoderOptions):
    """Gated recurrent units in both directions (Cho et al. 2014, EMNLP)."""

    kind: Literal["gru"] = "gru"
    layers: Count = 1
    dropout: Dropout = 0.4

    def build(self, width: int) -> "TextEncoder":
        from torch import nn

        from mtl_core.nn.text.recurrent import RecurrentEncoder

        return RecurrentEncoder(nn.GRU, width, self.width, layers=self.layers, dropout=self.dropout)


class LSTM(TextEncoderOptions):
    """Long short-term memory in both directions (Graves and Schmidhuber 2005, Neural Networks)."""

    kind: Literal["lstm"] = "lstm"
    layers: Count = 1
    dropout: Dropout = 0.4

    def build(self, width: int) -> "TextEncoder":
        from torch import nn

        from mtl_core.nn.text.recurrent import RecurrentEncoder

        return RecurrentEncoder(nn.LSTM, width, self.width, layers=self.layers, dropout=self.dropout)


class Transformer(TextEncoderOptions):
    """Self-attention between all words of a text (Vaswani et al. 2017, NeurIPS)."""

    kind: Literal["transformer"] = "transformer"
    layers: Count = 2
    heads: Count = 4
    """Number of attention heads; they divide the width."""
    dropout: Dropout = 0.1

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.width % self.heads:
            raise ValueError(
                f"`heads` must divide `width`, found {self.heads} heads for a width of {self.width}; change either"
            )
        return self

    def build(self, width: int) -> "TextEncoder":
        from mtl_core.nn.text.transformer import TransformerEncoder

        return TransformerEncoder(width, self.width, layers=self.layers, heads=self.heads, dropout=self.dropout)


AnyTextEncoder = Annotated[Conv | GRU | LSTM | Transformer, Field(discriminator="kind")]
