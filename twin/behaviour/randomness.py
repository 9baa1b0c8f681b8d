"""Luck that can be looked up: every random number has a name, and no draw disturbs another.

A stream is named by (seed, replication, entity, purpose); its k-th number is a function of the name
and k alone: seed and replication are the key of a counter-based generator, a hash of entity and
purpose and k its counter. A work unit that is added, or an order that is moved, thus leaves the
luck of all others as it was, and two plans compared on the same replications meet the same
breakdowns.

The function is Philox4x32-10 (Salmon, Moraes, Dror and Shaw, *Parallel random numbers: as easy as
1, 2, 3*, SC 2011), in integers only, so it gives the same bits on every computer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from twin.model.quantiles import normal_quantile

_MASK = 0xFFFFFFFF
_MULTIPLIER_0, _MULTIPLIER_1 = 0xD2511F53, 0xCD9E8D57
_WEYL_0, _WEYL_1 = 0x9E3779B9, 0xBB67AE85
_ROUNDS = 10

_REGULAR, _AHEAD = 16, 256
"""After so many blocks in equal steps a stream looks ahead; so many blocks at most."""

Words = tuple[int, int, int, int]
RoundKeys = tuple[tuple[int, int], ...]
Word = TypeVar("Word", int, npt.NDArray[Any])
"""One word, or the words of many counters in 64 bits."""
Halves = tuple[float, float]
"""The two numbers of a block."""


def philox4x32(counter: Words, key: tuple[int, int]) -> Words:
    """Four random 32-bit words for a 128-bit counter under a 64-bit key.

    >>> [f"{word:08x}" for word in philox4x32((0, 0, 0, 0), (0, 0))]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    return _rounds(counter, round_keys(key))


def round_keys(key: tuple[int, int]) -> RoundKeys:
    """The keys of the ten rounds; they are the same for all counters."""
    k0, k1 = key
    return tuple(((k0 + n * _WEYL_0) & _MASK, (k1 + n * _WEYL_1) & _MASK) for n in range(_ROUNDS))


def _rounds(
    counter: tuple[Word, Word, Word, Word], keys: RoundKeys
) -> tuple[Word, Word, Word, Word]:
    c0, c1, c2, c3 = counter
    for k0, k1 in keys:
        product_0 = _MULTIPLIER_0 * c0
        product_1 = _MULTIPLIER_1 * c2
        c0, c1, c2, c3 = (
            (product_1 >> 32) ^ c1 ^ k0,
            product_1 & _MASK,
            (product_0 >> 32) ^ c3 ^ k1,
            product_0 & _MASK,
        )
    return c0, c1, c2, c3


def name_words(entity: str, purpose: str) -> tuple[int, int]:
    """The two words by which a stream's name enters the counter."""
    digest = blake2b(f"{entity}\x1f{purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")


class Stream:
    """The random numbers of one entity for one purpose, by index, in any order.

    A counter is worked on in blocks of two numbers. Most streams are asked for blocks in equal
    steps (one after another, or those of the parts of a source); then many blocks ahead are looked
    up at once, which costs little more than one.
    """

    __slots__ = ("_ahead", "_block", "_halves", "_keys", "_name", "_regular", "_sought", "_step")

    def __init__(self, name: tuple[int, int], keys: RoundKeys) -> None:
        self._name = name
        self._keys = keys
        self._block = -1
        self._halves = (0.5, 0.5)
        self._ahead: dict[int, Halves] = {}
        self._sought = self._step = self._regular = 0
        """Last block looked up, its distance from the one before, and how often it was the same."""

    def uniform(self, k: int) -> float:
        """The k-th number of the stream, in the open interval (0, 1); k is below 2**64."""
        block = k >> 1
        if block != self._block:
            is_known = block in self._ahead
            self._halves = self._ahead.pop(block) if is_known else self._look_up(block)
            self._block = block
        return self._halves[k & 1]

    def _look_up(self, block: int) -> Halves:
        """The numbers of a block; when steps have been equal for long, those ahead of it too."""
        step = block - self._sought
        self._regular = self._regular + 1 if step == self._step > 0 else 0
        self._step, self._sought = step, block
        if self._regular < _REGULAR:
            counter = (block & _MASK, block >> 32, *self._name)
            w0, w1, w2, w3 = _rounds(counter, self._keys)
            return _open_unit(w0, w1), _open_unit(w2, w3)
        number = min(self._regular, _AHEAD)
        blocks = range(block, block + number * step, step)
        self._regular += number
        self._sought = blocks[-1]
        self._ahead = dict(zip(blocks, self._many(blocks), strict=True))
        return self._ahead.pop(block)

    def _many(self, blocks: range) -> list[Halves]:
        """The numbers of many blocks."""
        of_block = np.array(blocks, dtype=np.uint64)
        name_0, name_1 = (np.full_like(of_block, word) for word in self._name)
        counter = (of_block & _MASK, of_block >> 32, name_0, name_1)
        w0, w1, w2, w3 = _rounds(counter, self._keys)
        return list(zip(_open_unit(w0, w1).tolist(), _open_unit(w2, w3).tolist(), strict=True))


def _open_unit(low: Word, high: Word) -> Any:
    """52 of 64 bits as the middle of one of 2**52 equal cells: never 0, never 1."""
    return (((high << 32 | low) >> 12) + 0.5) * 2.0**-52


@dataclass(frozen=True)
class Luck:
    """All the luck of one replication."""

    seed: int
    replication: int

    def __post_init__(self) -> None:
        for name in ("seed", "replication"):
            if not 0 <= getattr(self, name) <= _MASK:
                raise ValueError(f"{name} {getattr(self, name)}: a whole number below 2**32")

    def stream(self, entity: str, purpose: str) -> Stream:
        """The stream of an entity (a work unit, an operation of an order) for one purpose."""
        return Stream(name_words(entity, purpose), self._keys)

    @cached_property
    def _keys(self) -> RoundKeys:
        return round_keys((self.seed, self.replication))


def lognormal_factor(cv: float, u: float) -> float:
    """Multiplier of mean 1 and coefficient of variation ``cv`` at quantile ``u``; 1 for cv 0.

    ln X is normal with variance σ² = ln(1 + cv²) and mean −σ²/2.
    """
    if cv == 0:
        return 1.0
    variance = math.log1p(cv * cv)
    return math.exp(math.sqrt(variance) * normal_quantile(u) - variance / 2)
