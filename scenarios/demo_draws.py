"""A named stream of luck, read number after number: what generators of data need."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from twin.behaviour.randomness import Luck
from twin.model.horizon import Array

_standard_normal = NormalDist().inv_cdf


class Draws:
    """The numbers of one stream in turn. The same name gives the same numbers everywhere."""

    def __init__(self, seed: int, entity: str, purpose: str) -> None:
        self._stream = Luck(seed, 0).stream(entity, purpose)
        self._next = 0

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number between ``low`` and ``high``."""
        self._next += 1
        return low + (high - low) * self._stream.uniform(self._next - 1)

    def integer(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return low + int(self.uniform() * (high - low + 1))

    def normals(self, count: int) -> Array:
        """(count,) numbers of mean 0 and variance 1."""
        return np.array([_standard_normal(self.uniform()) for _ in range(count)])

    def permutation(self, count: int) -> list[int]:
        """0 … count − 1 in random order."""
        ranks = [self.uniform() for _ in range(count)]
        return sorted(range(count), key=ranks.__getitem__)

    def sample(self, count: int, size: int) -> list[int]:
        """``size`` different numbers out of 0 … count − 1, in increasing order."""
        return sorted(self.permutation(count)[:size])
