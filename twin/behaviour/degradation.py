"""Wear that can be measured: a level that grows step by step until it reaches a limit."""

from __future__ import annotations

import math

from twin.behaviour.randomness import Stream
from twin.model.failures import Degradation
from twin.model.quantiles import gamma_quantile, normal_quantile


class Wear:
    """The level of one failure mode.

    gamma: in h hours X grows by a gamma law of shape rate · h and scale ``scale``.
    wiener: X' = X + rate · h + scale · √h · z. Between X and X', both below the limit L, it has
    passed it with probability exp(−2 (L − X)(L − X') / (scale² h)) (the Brownian bridge), so that
    the length of a step hardly matters.
    """

    def __init__(self, facts: Degradation, level: float, luck: Stream) -> None:
        self._facts = facts
        self._hours = facts.step / 60
        self._luck = luck
        self.steps = 0
        """In all lives so far."""
        self.level = level
        self.is_over = level >= facts.limit
        """The limit is reached."""

    def grow(self) -> None:
        """One step has passed."""
        facts, hours, before = self._facts, self._hours, self.level
        k, self.steps = self.steps, self.steps + 1
        if facts.process == "gamma":
            grown = gamma_quantile(facts.rate * hours, self._luck.uniform(k))
            self.level = before + facts.scale * grown
            self.is_over = self.level >= facts.limit
            return
        z = normal_quantile(self._luck.uniform(2 * k))
        self.level = before + facts.rate * hours + facts.scale * math.sqrt(hours) * z
        self.is_over = self.level >= facts.limit
        if not self.is_over:
            room = -2.0 * (facts.limit - before) * (facts.limit - self.level)
            crossing = math.exp(room / (facts.scale * facts.scale * hours))
            self.is_over = self._luck.uniform(2 * k + 1) < crossing

    def take_up(self, level: float, steps: int, is_over: bool) -> None:
        """Go on from a level, with the number of steps its luck has come to."""
        self.level, self.steps, self.is_over = level, steps, is_over

    def renew(self) -> None:
        self.level, self.is_over = 0.0, False
