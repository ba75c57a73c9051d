"""Forward pass of Qwen3 in plain torch: what the engine and the pre-training loop run.

transformers stays the reference (a test compares the logits). At one million parameters its per-call overhead,
not arithmetic, would dominate; here projections are fused, padding costs nothing in prefill, and the key-value
cache is one preallocated block. Adapters are merged before the weights arrive (`models.adapters.merged`).

A row's numbers depend on that row alone: padding is to sizes that the row itself determines, and every matrix product
has a whole number of blocks of rows, so a decision does not change with the other decisions in its batch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedConfig, Qwen3Config

SLOTS = 64
"""Prompts are padded to a multiple of this many positions."""
BLOCK = 64
"""Rows of every matrix product come in multiples of this. MKL chooses its kernel by the number of rows, and kernels
round differently: on AVX-512 up to 13 rows, on Intel's AVX2 up to 55 and the remainders of larger numbers."""


@dataclass(slots=True)
class Cache:
    """Keys and values of a batch. Shapes: (layers, B, heads, capacity, head size)."""

    keys: Tensor
    values: Tensor
    lengths: Tensor
    """(B,) prompt tokens of each row."""
    width: int
    """Positions taken by prompts, padding included; generated tokens follow."""
    blocked: Tensor
    """(B, 1, 1, capacity) minus infinity where a position is padding, else 0."""
    generated: int = 0

    def select(self, rows: Tensor) -> "Cache":
        """A cache of these rows, in this order; a row may occur more than once."""
        return Cache(
            self.keys[:, rows],
            self.values[:, rows],
            self.lengths[rows],
            self.width,
            self.blocked[rows],
            self.generated,
        )


@dataclass(frozen=True, slots=True)
class Layer:
    """Weights of one layer, projections of the same input fused."""

    input_norm: Tensor
    qkv: Tensor
    query_norm: Tensor
    key_norm: Tensor
    output: Tensor
    feed_norm: Tensor
    gate_up: Tensor
    down: Tensor


class Network:
    """One set of Qwen3 weights, ready to run."""

    def __init__(self, config: Qwen3Config, weights: Mapping[str, Tensor]) -> None:
        self.config = config
        self.eps = config.rms_norm_eps
        self.heads = config.num_attention_heads
        self.kv_heads = config.num_key_value_heads or self.heads
        self.head_size = config.head_dim
        self.embedding = weights["model.embed_tokens.weight"]
        self.head = self.embedding if config.tie_word_embeddings else weights["lm_head.weight"]
        self.final_norm = weights["model.norm.weight"]
        self.layers = [_layer(weights, index) for index in range(config.num_hidden_layers)]
        self.cosines, self.sines = _rotary(config)

    def prefill(self, prompts: list[tuple[int, ...]], room: int) -> tuple[Tensor, Cache]:
        """Read prompts of one width class. Returns logits after the last token (B, vocabulary), and the cache.

        Linear layers run over the tokens of all prompts laid end to end: padding exists only inside attention.
        """
        lengths = torch.tensor([len(prompt) for prompt in prompts])
        width, count = width_of(int(lengths.max())), int(lengths.sum())
        rows = torch.repeat_interleave(torch.arange(len(prompts)), lengths)
        columns = torch.cat([torch.arange(len(prompt)) for prompt in prompts])
        tokens = torch.tensor([token for prompt in prompts for token in prompt])
        cache = self._allocate(lengths, width, room)
        causal = torch.full((width, width), -torch.inf).triu(1)
        x = functional.embedding(_whole(tokens), self.embedding)
        positions, last = _whole(columns), _whole(lengths.cumsum(0) - 1)
        for index, layer in enumerate(self.layers):
            q, k, v = (part[:count] for part in self._project(layer, x, positions))
            cache.keys[index, rows, :, columns] = k
            cache.values[index, rows, :, columns] = v
            queries = x.new_zeros(len(prompts), self.heads, width, self.head_size)
            queries[rows, :, columns] = q
            attended = self._attend(queries, cache.keys[index, :, :, :width], cache.values[index, :, :, :width], causal)
            attended = _whole(attended[rows, :, columns].reshape(count, -1))
            if index == len(self.layers) - 1:  # nothing reads the other tokens any more
                attended, x = attended[last], x[last]
            x = x + functional.linear(attended, layer.output)
            x = x + self._feed(layer, x)
        return self._logits(x)[: len(prompts)], cache

    def step(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Append one token (B,) to every row. Returns the next logits (B, vocabulary)."""
        slot, count = cache.width + cache.generated, len(tokens)
        positions = _whole(cache.lengths + cache.generated)
        x = functional.embedding(_whole(tokens), self.embedding)
        mask = cache.blocked[..., : slot + 1]
        for index, layer in enumerate(self.layers):
            q, k, v = (part[:count] for part in self._project(layer, x, positions))
            cache.keys[index, :, :, slot] = k
            cache.values[index, :, :, slot] = v
            keys, values = cache.keys[index, :, :, : slot + 1], cache.values[index, :, :, : slot + 1]
            attended = self._attend(q.unsqueeze(2), keys, values, mask)
            x = x + functional.linear(_whole(attended.reshape(count, -1)), layer.output)
            x = x + self._feed(layer, x)
        cache.generated += 1
        return self._logits(x)[:count]

    def logits(self, tokens: Tensor, keep: Tensor) -> Tensor:
        """Logits of a right-padded batch at the positions that `keep` marks; differentiable.

        Shapes: tokens (B, T), keep (B, T) boolean -> (keep.sum(), vocabulary). Padding on the right needs no
        mask: under causal attention nothing that is kept can see it.
        """
        batch, width = tokens.shape
        positions = torch.arange(width).repeat(batch)
        x = functional.embedding(tokens.reshape(-1), self.embedding)
        kept = keep.reshape(-1).nonzero().squeeze(1)
        for index, layer in enumerate(self.layers):
            q, k, v = (
                part.view(batch, width, -1, self.head_size).transpose(1, 2)
                for part in self._project(layer, x, positions)
            )
            attended = functional.scaled_dot_product_attention(q, self._repeat(k), self._repeat(v), is_causal=True)
            attended = attended.transpose(1, 2).reshape(batch * width, -1)
            if index == len(self.layers) - 1:  # nothing reads the other tokens any more
                attended, x = attended[kept], x[kept]
            x = x + functional.linear(attended, layer.output)
            x = x + self._feed(layer, x)
        return self._logits(x)

    def _project(self, layer: Layer, x: Tensor, positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of N tokens, normalised and rotated. Shapes: (N, heads, head size)."""
        fused = functional.linear(self._norm(x, layer.input_norm), layer.qkv)
        q, k, v = fused.view(len(x), -1, self.head_size).split([self.heads, self.kv_heads, self.kv_heads], dim=1)
        cosines, sines = self.cosines[positions].unsqueeze(1), self.sines[positions].unsqueeze(1)
        return (
            _rotate(self._norm(q, layer.query_norm), cosines, sines),
            _rotate(self._norm(k, layer.key_norm), cosines, sines),
            v,
        )

    def _attend(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        keys, values = self._repeat(keys), self._repeat(values)
        return functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)

    def _feed(self, layer: Layer, x: Tensor) -> Tensor:
        gate, up = functional.linear(self._norm(x, layer.feed_norm), layer.gate_up).chunk(2, dim=-1)
        return functional.linear(functional.silu(gate) * up, layer.down)

    def _logits(self, x: Tensor) -> Tensor:
        return functional.linear(self._norm(x, self.final_norm), self.head)

    def _norm(self, x: Tensor, weight: Tensor) -> Tensor:
        return functional.rms_norm(x, weight.shape, weight, self.eps)

    def _repeat(self, heads: Tensor) -> Tensor:
        return heads if self.heads == self.kv_heads else heads.repeat_interleave(self.heads // self.kv_heads, dim=1)

    def _allocate(self, lengths: Tensor, width: int, room: int) -> Cache:
        capacity = width + room
        shape = (len(self.layers), len(lengths), self.kv_heads, capacity, self.head_size)
        slots = torch.arange(capacity)
        padding = (slots >= lengths.unsqueeze(1)) & (slots < width)
        blocked = torch.zeros(padding.shape).masked_fill(padding, -torch.inf)
        return Cache(torch.zeros(shape), torch.zeros(shape), lengths, width, blocked[:, None, None])


def _whole(rows: Tensor) -> Tensor:
    """`rows` with zeros below, up to a whole number of blocks."""
    missing = -len(rows) % BLOCK
    return torch.cat([rows, rows.new_zeros(missing, *rows.shape[1:])]) if missing else rows


def width_of(length: int) -> int:
    """Positions that a prompt of `length` tokens is padded to."""
    return -(-length // SLOTS) * SLOTS


def is_runnable(config: PreTrainedConfig) -> TypeGuard[Qwen3Config]:
    """Whether `Network` computes what transformers does for this configuration: a Qwen3 with nothing unusual in it."""
    if not isinstance(config, Qwen3Config) or config.attention_bias or config.use_sliding_window:
        return False
    return (config.rope_parameters or {}).get("rope_type", "default") == "default" and config.hidden_act == "silu"


def _layer(weights: Mapping[str, Tensor], index: int) -> Layer:
    def weight(name: str) -> Tensor:
        return weights[f"model.layers.{index}.{name}.weight"]

    return Layer(
        input_norm=weight("input_layernorm"),
        qkv=torch.cat([weight(f"self_attn.{part}_proj") for part in "qkv"]),
        query_norm=weight("self_attn.q_norm"),
        key_norm=weight("self_attn.k_norm"),
        output=weight("self_attn.o_proj"),
        feed_norm=weight("post_attention_layernorm"),
        gate_up=torch.cat([weight("mlp.gate_proj"), weight("mlp.up_proj")]),
        down=weight("mlp.down_proj"),
    )


def _rotary(config: Qwen3Config) -> tuple[Tensor, Tensor]:
    """Cosines and sines of every position. Shapes: (positions, half the head size)."""
    parameters: dict[str, Any] = {**(config.rope_parameters or {})}
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.int64).float() / config.head_dim
    frequencies = 1.0 / parameters["rope_theta"] ** exponents
    angles = torch.outer(torch.arange(config.max_position_embeddings).float(), frequencies)
    return angles.cos(), angles.sin()


def _rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines], dim=-1)
