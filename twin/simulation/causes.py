"""Common causes: events that strike several work units at once."""

from __future__ import annotations

from twin.behaviour.randomness import Stream
from twin.behaviour.reliability import ModeLife
from twin.model.snapshot import CauseSnapshot
from twin.simulation.clock import duration
from twin.simulation.floor import Floor
from twin.simulation.hindrance import Hindrance


class Cause:
    """One common cause: at its events the modes that name it are over, each with some chance."""

    def __init__(self, floor: Floor, index: int, units: list[Hindrance]) -> None:
        facts = floor.plant.plant.common_causes[index]
        self._floor = floor
        self._facts = facts
        self._events = 0
        self._luck = floor.luck.stream(facts.id, "time between")
        self._victims: list[tuple[int, Hindrance, list[ModeLife], Stream]] = []
        for m, unit in enumerate(units):
            lives = [o for o in unit.reliability.lives if o.mode.common_cause == facts.id]
            if lives:
                stream = floor.luck.stream(facts.id, f"strikes {floor.plant.unit_ids[m]}")
                self._victims.append((m, unit, lives, stream))
        self._timer = floor.timer("cause", index, self._happen)
        self._set_timer()

    def snapshot(self) -> CauseSnapshot:
        """As it stands between two instants."""
        return CauseSnapshot(self._events, self._timer.due - self._floor.now)

    def take_up(self, seen: CauseSnapshot) -> None:
        """Go on from where a snapshot was taken."""
        self._events = seen.events
        self._timer.set(seen.next)

    def _happen(self) -> None:
        event, self._events = self._events, self._events + 1
        for _, unit, lives, stream in self._victims:
            if not unit.stands and stream.uniform(event) < self._facts.share:
                for life in lives:
                    life.strike()
        for m, unit, _, _ in self._victims:
            unit.look()
            self._floor.mark(m)
        self._set_timer()

    def _set_timer(self) -> None:
        time_between = self._facts.time_between.quantile(self._luck.uniform(self._events))
        self._timer.set(self._floor.now + duration(time_between))
