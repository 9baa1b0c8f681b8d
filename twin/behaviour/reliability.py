"""When a work unit breaks down: the lives of its failure modes, each on its own clock.

Modes compete: the first to reach the end of its life stops the unit. A repair works on its own mode
as the mode says, a preventive task makes the modes it renews as good as new; the others keep their
age. A clock is read as a whole number: ticks of work, ticks of the calendar, or lots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twin.behaviour.degradation import Wear
from twin.behaviour.randomness import Luck
from twin.model.failures import FailureMode
from twin.model.laws import remaining_life
from twin.model.snapshot import ModeSnapshot

NEVER = 2**62
_STRUCK = -NEVER


class ModeLife:
    """The present life of one failure mode.

    Parameters
    ----------
    age : at the start, on the mode's clock [min, or lots]; of a degradation, its level
    units : how minutes (or lots) of a law become units of the clock, at least one
    """

    def __init__(
        self,
        unit: str,
        index: int,
        mode: FailureMode,
        age: float,
        luck: Luck,
        units: Callable[[float], int],
    ) -> None:
        self.mode = mode
        self.index = index
        """Place of the mode in the unit."""
        self.clock = mode.clock
        self.wear: Wear | None = None
        self._units = units
        self._lives = luck.stream(unit, f"life of {mode.id}")
        self._repairs = luck.stream(unit, f"repair of {mode.id}")
        self._effects = luck.stream(unit, f"effect of {mode.id}")
        self._life_number = self._repair_number = 0
        if mode.degradation is not None:
            wear_luck = luck.stream(unit, f"degradation of {mode.id}")
            self.wear = Wear(mode.degradation, age, wear_luck)
            self._step = units(mode.degradation.step)
            age = 0.0
        self._begin(age, 0)
        if self.wear is not None and self.wear.is_over:
            self.ends = _STRUCK

    def age(self, reading: int) -> int:
        """Virtual age in units of the clock."""
        return reading - self.born

    def strike(self) -> None:
        """A common cause ends this life."""
        self.ends = _STRUCK

    def grow(self, reading: int) -> None:
        """Degradation: the steps that have passed."""
        wear = self.wear
        while wear is not None and not wear.is_over and self.ends <= reading:
            wear.grow()
            if not wear.is_over:
                self.ends += self._step

    def repair_minutes(self) -> float:
        """Length of the next repair."""
        u = self._repairs.uniform(self._repair_number)
        self._repair_number += 1
        return self.mode.time_to_repair.quantile(u)

    def repaired(self, reading: int) -> None:
        """The next life begins at the age the repair leaves."""
        mode, age = self.mode, self._age_at_start + self._life
        if mode.repair_effect == "old":
            self._begin(age, reading)
        elif mode.repair_effect == "partial":
            self._begin((1 - mode.restores) * age, reading)
        elif mode.repair_effect == "chance":
            is_new = self._effects.uniform(self._repair_number - 1) < mode.restores
            self._begin(0.0 if is_new else age, reading)
        else:
            self.renew(reading)

    def renew(self, reading: int) -> None:
        """As good as new from now on."""
        if self.wear is not None:
            self.wear.renew()
        self._begin(0.0, reading)

    def snapshot(self, reading: int) -> ModeSnapshot:
        """This life at a reading of its clock."""
        wear = self.wear
        return ModeSnapshot(
            virtual_age=self._age_at_start,
            life=self._life,
            left=self.ends if abs(self.ends) >= NEVER else self.ends - reading,
            age=self.age(reading),
            lives=self._life_number,
            repairs=self._repair_number,
            level=0.0 if wear is None else wear.level,
            steps=0 if wear is None else wear.steps,
            is_worn_out=wear is not None and wear.is_over,
        )

    def take_up(self, seen: ModeSnapshot) -> None:
        """Go on with a life, on a clock that reads 0 now."""
        self._age_at_start, self._life = seen.virtual_age, seen.life
        self.ends, self.born = seen.left, -seen.age
        self._life_number, self._repair_number = seen.lives, seen.repairs
        if self.wear is not None:
            self.wear.take_up(seen.level, seen.steps, seen.is_worn_out)

    def _begin(self, age: float, reading: int) -> None:
        """Draw the next life of the stream, from a virtual age."""
        self._age_at_start, self._life = age, 0.0
        self.born = reading - (self._units(age) if age > 0 else 0)
        self.ends = NEVER
        """Reading of the clock at which the life, or the present step of degradation, is over."""
        if self.mode.time_to_failure is not None:
            u = self._lives.uniform(self._life_number)
            self._life_number += 1
            self._life = remaining_life(self.mode.time_to_failure, age, u)
            self.ends = reading + self._units(self._life)
        elif self.wear is not None:
            self.ends = reading + self._step


class Reliability:
    """All failure modes of one work unit.

    Parameters
    ----------
    unit : name of the work unit, which names its luck
    ages : age of each mode at instant 0 on its own clock; a mode left out is new
    ticks : how minutes become ticks of the engine's clock, at least one
    lots : how the numbers of a law on the clock *count* become lots, at least one
    """

    def __init__(
        self,
        unit: str,
        modes: Iterable[FailureMode],
        ages: dict[str, float],
        luck: Luck,
        ticks: Callable[[float], int],
        lots: Callable[[float], int],
    ) -> None:
        self.worked = 0
        """Ticks of work so far."""
        self.lots = 0
        """Lots ended so far."""
        self.lives = [
            ModeLife(unit, n, m, ages.get(m.id, 0.0), luck, lots if m.clock == "count" else ticks)
            for n, m in enumerate(modes)
        ]
        self._operating = [life for life in self.lives if life.clock == "operating"]
        self._calendar = [life for life in self.lives if life.clock == "calendar"]
        self._wearing = [life for life in self.lives if life.wear is not None]
        self.has_wear = bool(self._wearing)
        self.has_calendar_lives = bool(self._calendar)
        self.may_wait_for_part = any(m.mode.interrupted == "finish_first" for m in self.lives)
        """Whether a failure may wait for a part to leave the unit."""

    def life(self, mode: str) -> ModeLife:
        return next(life for life in self.lives if life.mode.id == mode)

    def reading(self, clock: str, now: int) -> int:
        """What a clock shows."""
        if clock == "calendar":
            return now
        return self.worked if clock == "operating" else self.lots

    def grow(self, now: int) -> None:
        """Degradation: the steps that have passed on either clock."""
        for life in self._wearing:
            life.grow(self.reading(life.clock, now))

    def failed(self, now: int, has_part_in_hand: bool = False) -> ModeLife | None:
        """The first mode, as listed in the plant, that is over and need not wait for its part."""
        for life in self.lives:
            if life.ends <= self.reading(life.clock, now):
                waits = has_part_in_hand and life.mode.interrupted == "finish_first"
                if not waits:
                    return life
        return None

    def work_left(self) -> int:
        """Ticks of work until the next end on an operating clock; what is over is left out."""
        ends = NEVER
        for life in self._operating:
            if self.worked < life.ends < ends:
                ends = life.ends
        return ends - self.worked

    def next_calendar_end(self, now: int) -> int:
        """The next instant at which a calendar life ends; what is over is left out."""
        ends = NEVER
        for life in self._calendar:
            if now < life.ends < ends:
                ends = life.ends
        return ends
