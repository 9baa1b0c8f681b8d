"""People: repairs first, then preventive tasks, setups, and the work that needs operators."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from twin.model import snapshot
from twin.simulation.clock import OpenTicks
from twin.simulation.floor import Floor
from twin.simulation.stocks import Stock


class Kind(IntEnum):
    """What people are called for; the lower kind is served first."""

    REPAIR = 0
    MAINTENANCE = 1
    SETUP = 2
    OPERATORS = 3


class Crew:
    """A number of people who can do that many things at once.

    A task is begun only while they are on duty, and once begun it is finished.
    """

    def __init__(self, floor: Floor, index: int) -> None:
        facts = floor.plant.plant.crews[index]
        self._floor = floor
        self.id = facts.id
        self._size = facts.size
        self._busy = floor.tally.busy[index]
        self._calendar = OpenTicks(floor.plant.crew_open[facts.id])
        self.is_on_duty = self._calendar.closing(0) is not None
        self._timer = floor.timer("duty", index, self._turn)
        self._timer.set(self._calendar.next_change(0))

    def has_free(self, people: int) -> bool:
        return self.is_on_duty and self._busy.value + people <= self._size

    def take(self, people: int) -> None:
        self._busy.change(people, self._floor.now)

    def free(self, people: int) -> None:
        self._busy.change(-people, self._floor.now)
        self._floor.calls_are_open = True

    def _turn(self) -> None:
        """They come on duty, or their duty ends."""
        self.is_on_duty = self._calendar.closing(self._floor.now) is not None
        self._timer.set(self._calendar.next_change(self._floor.now))
        if self.is_on_duty:
            self._floor.calls_are_open = True


@dataclass(frozen=True)
class Busy:
    """People of a crew who have been given to a work unit."""

    crew: Crew
    people: int

    def free(self) -> None:
        self.crew.free(self.people)

    def snapshot(self) -> snapshot.People:
        return snapshot.People(self.crew.id, self.people)


@dataclass(order=True)
class Call:
    """A work unit asks for people, for a spare part, or for both."""

    kind: Kind
    tick: int
    unit: int
    crew: str | None = field(compare=False)
    """Crew or skill; none where only the spare is waited for."""
    people: int = field(compare=False)
    can_begin: Callable[[], bool] = field(compare=False)
    """Whether the unit could use them now."""
    begin: Callable[[Busy | None], None] = field(compare=False)
    spare: Stock | None = field(compare=False, default=None)

    def could_begin(self) -> bool:
        """Whether only people are missing."""
        return self.can_begin() and (self.spare is None or self.spare.on_hand > 0)


class People:
    """All crews of the plant, and the calls nobody has answered yet."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._crews = [Crew(floor, c) for c in range(len(floor.plant.plant.crews))]
        self._for = {
            name: [self._crews[c] for c in crews] for name, crews in floor.plant.crews_for.items()
        }
        self._calls: list[Call] = []

    def call(self, call: Call) -> None:
        insort(self._calls, call)
        self._floor.calls_are_open = True

    def withdraw(self, call: Call) -> None:
        self._calls.remove(call)

    def called(self, kind: Kind, unit: int) -> int | None:
        """When a unit called for something it still waits for."""
        ticks = (call.tick for call in self._calls if call.kind is kind and call.unit == unit)
        return next(ticks, None)

    def take_up(self, seen: snapshot.People | None) -> Busy | None:
        """People who are busy with a unit, as they were before a snapshot."""
        if seen is None:
            return None
        crew = next(crew for crew in self._crews if crew.id == seen.crew)
        crew.take(seen.people)
        return Busy(crew, seen.people)

    def could_serve(self, crew: str, people: int) -> bool:
        """Whether a preventive task could begin now, all repairs being served before it."""
        return any(c.has_free(people + self._wanted_for_repairs(c)) for c in self._for[crew])

    def serve(self) -> bool:
        """Answer every call that can be answered, the most urgent first.

        Serving only takes people and parts away, so one passage in the order of urgency is enough.
        Says whether any call was answered.
        """
        has_served = False
        for call in list(self._calls):
            if not call.could_begin():
                continue
            crew = None
            if call.crew is not None:
                crew = next((c for c in self._for[call.crew] if c.has_free(call.people)), None)
                if crew is None:
                    continue
                crew.take(call.people)
            self._calls.remove(call)
            if call.spare is not None:
                call.spare.serve(1)
            call.begin(None if crew is None else Busy(crew, call.people))
            self._floor.stirred.add(call.unit)
            has_served = True
        return has_served

    def _wanted_for_repairs(self, crew: Crew) -> int:
        """People of a crew that repairs wait for."""
        return sum(
            call.people
            for call in self._calls
            if call.kind is Kind.REPAIR
            and call.crew is not None
            and crew in self._for[call.crew]
            and call.could_begin()
        )
