"""Exact decoding of tags under IOB2 (Tjong Kim Sang and Veenstra 1999, section 2): I-x follows B-x or I-x only.

T = 1 + 2K tags: 0 is O, 1 + 2k is B of label k, 2 + 2k is I of label k.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def decode(logits: Tensor) -> Tensor:
    """(B, L, T) logits -> (B, L) int64, the valid tag sequence of each row with the largest sum of logits; L >= 1.

    Ties go to O before B, to B before I, and to the lower label. Gradients do not pass.

    Viterbi decoding (Viterbi 1967) without a T x T table, since the only forbidden transitions lead into I. The state
    of a row after a position is its open label, or none. The gain of a state is the score of its best continuation
    minus that of the state none: at most the excess of its I over its B, so rounding errors do not grow with L.
    """
    logits = logits.detach().transpose(0, 1)  # (L, B, T)
    outside = torch.cat([logits[..., :1], logits[..., 1::2]], dim=-1)  # (L, B, 1 + K): O, then B of every label
    inside = F.pad(logits[..., 2::2], (1, 0), value=-math.inf)  # (L, B, 1 + K): no I follows the state none
    # The operator itself: the function torch._higher_order_ops.scan would compile it for each shape in eager mode.
    scan = torch.ops.higher_order.scan
    _, gains = scan(_previous_gain, [torch.zeros_like(outside[0])], [outside.flip(0), inside.flip(0)], ())
    gains = gains.flip(0)  # (L, B, 1 + K): of the states after each position; 0 after the last one
    start = (outside + gains).argmax(dim=-1, keepdim=True)  # (L, B, 1): the best state if no span continues
    continues = gains.roll(1, 0) > 0  # (L, B, 1 + K): whether I is best if the label is open; False at the first one
    _, states, is_inside = scan(_next_state, [torch.zeros_like(start[0])], [start, continues], ())
    return torch.where(is_inside, 2 * states, (2 * states - 1).clamp(min=0)).squeeze(-1).T


def _previous_gain(gain: Tensor, outside: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 1 + K) gains after a position and its logits -> the gains before it, and a copy of those after it."""
    best = (outside + gain).amax(dim=-1, keepdim=True)
    return torch.relu(inside + gain - best), gain.clone()  # a scan's outputs must not share memory with its inputs


def _next_state(state: Tensor, start: Tensor, continues: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(B, 1) state before a position -> the state after it, a copy, and True for an I."""
    is_inside = continues.gather(-1, state)
    state = torch.where(is_inside, state, start)
    return state, state.clone(), is_inside
