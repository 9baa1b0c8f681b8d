"""Luck that can be looked up: every random number has a name, and no draw disturbs another.

A stream is named by (seed, replication, entity, purpose); its k-th number is a function of the name
and k alone. A work unit that is added, or an order that is moved, thus leaves the luck of all
others as it was, and two plans compared on the same replications meet the same breakdowns.

The function is Philox4x32-10 (Salmon, Moraes, Dror and Shaw, *Parallel random numbers: as easy as
1, 2, 3*, SC 2011), in integers only, so it gives the same bits on every computer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from hashlib import blake2b
from statistics import NormalDist

_MASK = 0xFFFFFFFF
_MULTIPLIER_0, _MULTIPLIER_1 = 0xD2511F53, 0xCD9E8D57
_WEYL_0, _WEYL_1 = 0x9E3779B9, 0xBB67AE85
_ROUNDS = 10
_standard_normal = NormalDist().inv_cdf

Words = tuple[int, int, int, int]


def philox4x32(counter: Words, key: tuple[int, int]) -> Words:
    """Four random 32-bit words for a 128-bit counter under a 64-bit key.

    >>> [f"{word:08x}" for word in philox4x32((0, 0, 0, 0), (0, 0))]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        product_0 = _MULTIPLIER_0 * c0
        product_1 = _MULTIPLIER_1 * c2
        c0, c1, c2, c3 = (
            (product_1 >> 32) ^ c1 ^ k0,
            product_1 & _MASK,
            (product_0 >> 32) ^ c3 ^ k1,
            product_0 & _MASK,
        )
        k0 = (k0 + _WEYL_0) & _MASK
        k1 = (k1 + _WEYL_1) & _MASK
    return c0, c1, c2, c3


class Stream:
    """The random numbers of one entity for one purpose, by index, in any order."""

    __slots__ = ("_block", "_halves", "_high", "_key")

    def __init__(self, name: bytes) -> None:
        digest = blake2b(name, digest_size=16).digest()
        words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
        self._key = (words[0], words[1])
        self._high = (words[2], words[3])
        self._block = -1
        self._halves = (0.5, 0.5)

    def uniform(self, k: int) -> float:
        """The k-th number of the stream, in the open interval (0, 1)."""
        block = k >> 1
        if block != self._block:  # one block holds two numbers; neighbours are asked in turn
            low = (block & _MASK, block >> 32)
            w0, w1, w2, w3 = philox4x32((*low, *self._high), self._key)
            self._halves = (_open_unit(w0, w1), _open_unit(w2, w3))
            self._block = block
        return self._halves[k & 1]


def _open_unit(low: int, high: int) -> float:
    """52 of 64 bits as the middle of one of 2**52 equal cells: never 0, never 1."""
    return (((high << 32 | low) >> 12) + 0.5) * 2.0**-52


@dataclass(frozen=True)
class Luck:
    """All the luck of one replication."""

    seed: int
    replication: int

    def stream(self, entity: str, purpose: str) -> Stream:
        """The stream of an entity (a work unit, an operation of an order) for one purpose."""
        return Stream(f"{self.seed}\x1f{self.replication}\x1f{entity}\x1f{purpose}".encode())


def lognormal_factor(cv: float, u: float) -> float:
    """Multiplier of mean 1 and coefficient of variation ``cv`` at quantile ``u``; 1 for cv 0.

    ln X is normal with variance σ² = ln(1 + cv²) and mean −σ²/2.
    """
    if cv == 0:
        return 1.0
    variance = math.log1p(cv * cv)
    return math.exp(math.sqrt(variance) * _standard_normal(u) - variance / 2)
