"""Where a random plant gets its choices from: a number, a list, or hypothesis.

Every choice is a whole number below a limit, and 0 is the plainest answer, so a plant is as good as
the list of its choices: hypothesis shrinks that list, and a number stands for the same plant for
ever.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Source(Protocol):
    """Answers one question after the other."""

    def below(self, limit: int) -> int:
        """A whole number in [0, limit)."""
        ...


class Numbered:
    """The choices of plant number n; they are kept, so that :class:`Listed` can repeat them."""

    def __init__(self, number: int) -> None:
        self._random = random.Random(number)
        self.made: list[int] = []

    def below(self, limit: int) -> int:
        self.made.append(self._random.randrange(limit))
        return self.made[-1]


class Listed:
    """Choices read from a list, then the plainest ones."""

    def __init__(self, choices: Sequence[int]) -> None:
        self._left = list(reversed(choices))

    def below(self, limit: int) -> int:
        return self._left.pop() % limit if self._left else 0


class Drawn:
    """Choices made by hypothesis."""

    def __init__(self, draw: Callable[[st.SearchStrategy[int]], int]) -> None:
        self._draw = draw

    def below(self, limit: int) -> int:
        return self._draw(st.integers(0, limit - 1))


class Picks:
    """Choices in the words of a plant."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def whole(self, low: int, high: int) -> int:
        """A whole number in [low, high]; ``low`` is the plainest."""
        return low + self._source.below(high - low + 1)

    def one_of(self, *values: T) -> T:
        """One of the values; the first is the plainest."""
        return values[self._source.below(len(values))]

    def chance(self, tenths: int) -> bool:
        """True so many times in ten."""
        return self._source.below(10) >= 10 - tenths

    def some_of(self, values: Sequence[T]) -> list[T]:
        """Some of the values, perhaps none, in their order."""
        return [value for value in values if self.chance(5)]

    def shuffled(self, values: Sequence[T]) -> list[T]:
        left = list(values)
        return [left.pop(self._source.below(len(left))) for _ in values]

    def minutes(self, *, up_to: float = 12.0) -> float:
        """A whole number of quarter minutes, of few kinds, so that many instants coincide."""
        known = (1.0, 0.25, 0.5, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0, 30.0, 45.0, 60.0, 90.0)
        return self.one_of(*(minute for minute in known if minute <= up_to))

    def law(self, scale: float, *, is_tied: bool) -> dict[str, Any]:
        """A law of a duration around ``scale`` [min]; constant where instants are to coincide."""
        if is_tied and not self.chance(1):
            return {"law": "constant", "value": scale}
        return self.one_of(
            {"law": "exponential", "scale": scale},
            {"law": "constant", "value": scale},
            {"law": "weibull", "shape": self.one_of(2.0, 0.8, 3.5), "scale": scale},
            {"law": "lognormal", "median": scale, "sigma": self.one_of(0.5, 1.2)},
            {"law": "gamma", "shape": self.one_of(2.0, 0.5, 7.5), "scale": scale / 2},
            {"law": "histogram", "edges": [0, scale, 2 * scale, 4 * scale], "counts": [2, 0, 1]},
            {"law": "empirical", "values": [scale, scale / 2, 2 * scale, scale]},
        )
