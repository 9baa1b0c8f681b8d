"""When a work unit breaks down: the remaining life of each of its failure modes.

Modes compete: the first to reach the end of its life stops the unit. A repair makes its own mode as
good as new, a preventive task the modes it renews; the others keep their age.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from twin.behaviour.randomness import Luck
from twin.model.failures import FailureMode
from twin.model.laws import remaining_life


class ModeLife:
    """The life of one failure mode, counted down on its own clock, in ticks."""

    def __init__(
        self, unit: str, mode: FailureMode, age: float, luck: Luck, ticks: Callable[[float], int]
    ) -> None:
        self.mode = mode
        self.is_calendar = mode.clock == "calendar"
        self._ticks = ticks
        self._lives = luck.stream(unit, f"life of {mode.id}")
        self._repairs = luck.stream(unit, f"repair of {mode.id}")
        self._life_number = 0
        self._repair_number = 0
        left = remaining_life(mode.life, age, self._lives.uniform(0))
        self.left = ticks(left)
        """Operating clock: ticks of work left. Calendar clock: the instant of failure."""

    def renew(self, now: int) -> None:
        """As good as new from now on: the next life of the stream begins."""
        self._life_number += 1
        u = self._lives.uniform(self._life_number)
        life = self._ticks(self.mode.life.quantile(u))
        self.left = now + life if self.is_calendar else life

    def repair_ticks(self) -> int:
        """Length of the next repair."""
        u = self._repairs.uniform(self._repair_number)
        self._repair_number += 1
        return self._ticks(self.mode.time_to_repair.quantile(u))


class Reliability:
    """All failure modes of one work unit.

    Parameters
    ----------
    unit : name of the work unit, which names its luck
    ages : age of each mode at instant 0 on its own clock [min]; a mode left out is new
    ticks : how minutes become ticks of the engine's clock
    """

    def __init__(
        self,
        unit: str,
        modes: Iterable[FailureMode],
        ages: dict[str, float],
        luck: Luck,
        ticks: Callable[[float], int],
    ) -> None:
        self.lives = [ModeLife(unit, m, ages.get(m.id, 0.0), luck, ticks) for m in modes]
        self._operating = [life for life in self.lives if not life.is_calendar]
        self._calendar = [life for life in self.lives if life.is_calendar]

    def failed(self, now: int) -> ModeLife | None:
        """The first mode, as listed in the plant, whose life is over."""
        for life in self.lives:
            if life.left <= (now if life.is_calendar else 0):
                return life
        return None

    def work_left(self) -> float:
        """Ticks of work until the next failure on an operating clock; infinity for none."""
        return min((life.left for life in self._operating), default=math.inf)

    def next_calendar_failure(self) -> float:
        """Instant of the next failure on a calendar clock; infinity when there is none."""
        return min((life.left for life in self._calendar), default=math.inf)

    def age(self, worked: int) -> None:
        """Use up ticks of work."""
        for life in self._operating:
            life.left -= worked

    def renew(self, modes: Iterable[str], now: int) -> None:
        """Make some modes as good as new."""
        renewed = set(modes)
        for life in self.lives:
            if life.mode.id in renewed:
                life.renew(now)
