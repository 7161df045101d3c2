"""Laws of every text encoder: rows are independent, context and order matter, padding is 0, gradients."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from mtl_core.config.text import GRU, LSTM, AnyTextEncoder, Conv, TextEncoderOptions, Transformer
from mtl_core.nn.deterministic import deterministic
from mtl_core.nn.text.encoder import TextEncoder
from mtl_core.nn.text.recurrent import RecurrentEncoder
from mtl_core.nn.text.transformer import TransformerBlock, sinusoids
from mtl_core.schema import tagged
from tests.strategies import patient

WIDTH = 6
ENCODERS: dict[str, TextEncoderOptions] = {
    "conv": Conv(width=8, kernel=3, dropout=0),
    "conv-residual": Conv(width=WIDTH, layers=3, kernel=5, dropout=0),
    "gru": GRU(width=5, dropout=0),
    "gru-layers": GRU(width=4, layers=2, dropout=0),
    "lstm": LSTM(width=5, dropout=0),
    "lstm-layers": LSTM(width=4, layers=3, dropout=0),
    "transformer": Transformer(width=8, heads=2, dropout=0),
    "transformer-odd": Transformer(width=9, heads=3, layers=1, dropout=0),
}
every_encoder = pytest.mark.parametrize("options", ENCODERS.values(), ids=ENCODERS.keys())


def built(options: TextEncoderOptions) -> TextEncoder:
    """An untrained encoder in evaluation mode."""
    torch.manual_seed(0)
    return options.build(WIDTH).eval()


def batch(lengths: list[int], padding: int = 0) -> tuple[Tensor, Tensor]:
    """Random rows of these lengths, (B, L, WIDTH) and (B, L), with more padding; padding is random too."""
    longest = max(lengths) + padding
    x = torch.randn(len(lengths), longest, WIDTH, generator=torch.Generator().manual_seed(7))
    return x, torch.arange(longest) < torch.tensor(lengths)[:, None]


def test_every_kind_of_the_union_is_covered() -> None:
    kinds = list(tagged(AnyTextEncoder))
    assert {options.kind for options in ENCODERS.values()} == set(kinds)
    assert kinds == sorted(kinds)


@every_encoder
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=6), padding=st.integers(0, 5))
@patient
def test_a_row_is_encoded_as_if_it_were_alone(options: TextEncoderOptions, lengths: list[int], padding: int) -> None:
    encoder, (x, mask) = built(options).double(), batch(lengths, padding)  # float32 would need loose tolerances
    x = x.double()
    with torch.no_grad():
        together = encoder(x, mask)
        for row, length in enumerate(lengths):
            alone = encoder(x[row : row + 1, :length], mask[row : row + 1, :length])
            torch.testing.assert_close(alone[0], together[row, :length], rtol=0, atol=1e-12)


@every_encoder
def test_padding_is_encoded_as_0_and_has_no_gradient(options: TextEncoderOptions) -> None:
    encoder, (x, mask) = built(options), batch([1, 7, 3], padding=2)
    x.requires_grad_()
    out = encoder(x, mask)
    out.square().sum().backward()
    assert out.shape == (3, 9, encoder.out_width)
    assert x.grad is not None
    for values in (out, x.grad):
        assert (values[~mask] == 0).all()
        assert (values[mask] != 0).any(dim=1).all()


@every_encoder
def test_an_encoding_depends_on_both_neighbours_and_on_their_order(options: TextEncoderOptions) -> None:
    encoder, (x, mask) = built(options), batch([5])
    x.requires_grad_()
    weights = torch.arange(1.0, 1 + encoder.out_width)  # not equal, since LayerNorm keeps the sum of squares
    (gradient,) = torch.autograd.grad(encoder(x, mask)[0, 2] @ weights, x)
    assert (gradient[0, [1, 3]].abs().amax(dim=1) > 1e-4).all()
    with torch.no_grad():
        swapped = encoder(x[:, [0, 3, 2, 1, 4]], mask)
        assert (swapped - encoder(x, mask))[0, 2].abs().max() > 1e-3


@every_encoder
def test_gradients_reach_every_parameter_and_are_reproducible(options: TextEncoderOptions) -> None:
    with_dropout = options.model_copy(update={"dropout": 0.2})
    x, mask = batch([4, 9, 1])
    runs = []
    with deterministic(threads=1):
        for _ in range(2):
            encoder = built(with_dropout).train()
            encoder(x, mask).square().sum().backward()
            runs.append({name: parameter.grad for name, parameter in encoder.named_parameters()})
    for name, gradient in runs[0].items():
        assert gradient is not None, name
        assert gradient.abs().max() > 0, name
        assert torch.equal(gradient, runs[1][name]), name


@every_encoder
def test_dropout_is_active_in_training_alone(options: TextEncoderOptions) -> None:
    (x, mask), encoder = batch([4, 9, 1]), built(options.model_copy(update={"dropout": 0.5}))
    with torch.no_grad():
        expected = built(options)(x, mask)
        assert torch.equal(encoder(x, mask), expected)
        assert (encoder.train()(x, mask) != expected)[mask].float().mean() > 0.4


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_a_recurrent_layer_equals_torchs_bidirectional_one_on_packed_rows(kind: type[nn.LSTM] | type[nn.GRU]) -> None:
    torch.manual_seed(0)
    encoder, oracle = RecurrentEncoder(kind, WIDTH, 5, layers=1, dropout=0), kind(WIDTH, 5, bidirectional=True)
    state = oracle.state_dict()
    encoder.forwards[0].load_state_dict({name: value for name, value in state.items() if "reverse" not in name})
    encoder.backwards[0].load_state_dict(
        {name.removesuffix("_reverse"): value for name, value in state.items() if name.endswith("_reverse")}
    )
    x, mask = batch([4, 9, 1])
    packed = pack_padded_sequence(x.transpose(0, 1), mask.sum(1), enforce_sorted=False)
    expected, _ = pad_packed_sequence(oracle(packed)[0], batch_first=True)
    torch.testing.assert_close(encoder(x, mask), expected)


@pytest.mark.parametrize(("layers", "kernel", "reach"), [(1, 1, 0), (1, 3, 1), (2, 5, 4)])
def test_the_reach_of_convolutions(layers: int, kernel: int, reach: int) -> None:
    encoder, (x, mask) = built(Conv(width=8, layers=layers, kernel=kernel, dropout=0)), batch([11])
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(encoder(x, mask)[0, 5].square().sum(), x)
    distances = (torch.arange(11) - 5).abs()
    assert torch.equal(gradient[0].abs().amax(dim=1) > 0, distances <= reach)


def test_a_transformer_block_equals_torchs_pre_norm_layer() -> None:
    torch.manual_seed(0)
    block = TransformerBlock(WIDTH, heads=3, dropout=0)
    oracle = nn.TransformerEncoderLayer(
        WIDTH, 3, 4 * WIDTH, dropout=0, activation=F.gelu, batch_first=True, norm_first=True
    )
    parts: list[tuple[nn.Module, Any]] = [
        (block.attention_norm, oracle.norm1),
        (block.norm, oracle.norm2),
        (block.out, oracle.self_attn.out_proj),
        (block.feed_forward[0], oracle.linear1),
        (block.feed_forward[3], oracle.linear2),
    ]
    for part, source in parts:
        part.load_state_dict(source.state_dict())
    block.queries_keys_values.load_state_dict(
        {"weight": oracle.self_attn.in_proj_weight, "bias": oracle.self_attn.in_proj_bias}
    )
    x, mask = batch([4, 9, 1])
    expected = oracle(x, src_key_padding_mask=~mask)
    torch.testing.assert_close(block(x, mask[:, None, None])[mask], expected[mask])


def test_the_products_of_sinusoids_depend_on_the_distance_alone() -> None:
    positions = sinusoids(30, 16)
    products = positions @ positions.T
    torch.testing.assert_close(products[:-1, :-1], products[1:, 1:], rtol=0, atol=1e-4)
    assert torch.equal(positions[0], torch.tensor([0.0] * 8 + [1.0] * 8))
    assert products[0].argmax() == 0
    assert (products[0, 1:] < products[0, 0] - 0.1).all()
