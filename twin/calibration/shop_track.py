"""The past of the shop kept event by event, in time order: what :mod:`replay` asks, in flat memory.

Every answer is the one that the whole log would give, with one exception: of a batch that is moved
to another work unit with a lot under way, the lot's work there counts from its first report there.
Instants are microseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from twin.calibration.replay import (
    ON_STATES,
    PAUSES,
    STOPS,
    Progress,
    ShopPast,
    UnitPast,
    key_of,
)
from twin.model.events import COLUMNS, EventLog
from twin.model.plant import Plant

MICROSECONDS = 60_000_000
"""In a minute."""
LOTS_REMEMBERED = 64
"""Starts of lots whose working time is kept, of each work unit."""

Row = tuple[int, str, str, str, str, str, str, str, float, float, str]
"""An event: instant, work unit, event, state, order, operation, product, lot, quantity, scrap,
reason."""
_COLUMNS = (
    "work_unit", "event", "state", "order", "operation", "product", "lot", "quantity", "scrap",
    "reason",
)  # fmt: skip
_LOST = ("material", "verdict")


def rows_of(log: EventLog) -> list[Row]:
    """The events of a log as plain rows, in the log's own order."""
    times = log.table["time"].astype("datetime64[us, UTC]").astype("int64").tolist()
    return list(zip(times, *(log.table[name].tolist() for name in _COLUMNS), strict=True))


def log_of(rows: Sequence[Row]) -> EventLog:
    """Inverse of :func:`rows_of`; material and verdict are not kept."""
    columns = dict(zip(("time", *_COLUMNS), zip(*rows, strict=True), strict=True)) if rows else {}
    table = pd.DataFrame({name: columns.get(name, ()) for name in COLUMNS if name not in _LOST})
    table = table.assign(time=pd.to_datetime(table["time"].astype("int64"), unit="us", utc=True))
    return EventLog(table.assign(**dict.fromkeys(_LOST, ""))[list(COLUMNS)])


def stamp(instant: datetime) -> int:
    """Microseconds since 1970 of a zone-aware instant."""
    return pd.Timestamp(instant).value // 1000


def moment(instant: int) -> pd.Timestamp:
    """Inverse of :func:`stamp`."""
    return pd.Timestamp(instant, unit="us", tz="UTC")


@dataclass
class Stay:
    """The last repair, or the last execution of a task, of one reason."""

    start: int
    end: int
    worked: int
    """Working time of the unit up to its end."""
    lots: int
    """Lots ended before its end."""


@dataclass
class UnitTrack:
    """What has happened to one work unit so far."""

    state: str = ""
    since: int = 0
    """Since when it is in its state."""
    reason: str = ""
    product: str = ""
    order: str = ""
    operation: str = ""
    """What the state names."""
    entered: int = 0
    """The same, but not renewed by a further row of the same state and reason."""
    stopped: int = 0
    """Since when it is down or under repair; 0 when it is not."""
    worked: int = 0
    """Time in state working, up to the last change of state."""
    set_up: int = 0
    """Time in state setup, likewise."""
    is_warm: bool = False
    worked_products: list[str] = field(default_factory=list)
    """Products worked, the latest last, each once."""
    lots: int = 0
    """Ended."""
    lots_at: tuple[int, int] = (0, 0)
    """Instant of the last end of a lot, and how many ended at it."""
    lot_starts: dict[int, int] = field(default_factory=dict)
    """Working time at the start of each of the last lots."""
    stays: dict[str, Stay] = field(default_factory=dict)
    """By ``stop/reason`` or ``maintenance/reason``."""
    latest_work: tuple[str, str] = ("", "")
    setup_key: str = ""
    setup_since: int | None = None
    setup_begun: int = 0
    """Time in state setup before that setup."""
    products_before: list[str] = field(default_factory=list)
    """As ``worked_products``, when that setup began."""

    def enter(
        self, time: int, state: str, order: str, operation: str, product: str, reason: str
    ) -> None:
        """A new state begins."""
        if time > self.since and self.state:
            self._close(time)
        if (state, reason) != (self.state, self.reason) or not self.entered:
            self.entered = time
        self.stopped = (self.stopped or time) if state in STOPS else 0
        self.state, self.since, self.reason = state, time, reason
        self.order, self.operation, self.product = order, operation, product

    def _close(self, time: int) -> None:
        length = time - self.since
        if self.state == "working":
            self.worked += length
            self._remember_product()
        elif self.state == "setup":
            self.set_up += length
        if self.state in STOPS or self.state == "maintenance":
            kind = "stop" if self.state in STOPS else "maintenance"
            at, count = self.lots_at
            before = self.lots - (count if at == time else 0)
            self.stays[f"{kind}/{self.reason}"] = Stay(self.since, time, self.worked, before)
        if self.state not in STOPS:
            self.is_warm = self.state in ON_STATES

    def _remember_product(self) -> None:
        if self.worked_products[-1:] != [self.product]:
            if self.product in self.worked_products:
                self.worked_products.remove(self.product)
            self.worked_products.append(self.product)

    def note_work(
        self, time: int, state: str, order: str, operation: str, reason: str, key: str
    ) -> None:
        """Read setup and work off a row of a state or of the start of a lot."""
        is_pause = state in PAUSES and (order, operation) == self.latest_work
        if state == "setup":
            if self.setup_since is None:
                self.setup_since, self.setup_begun = time, self.set_up
                self.products_before = list(self.worked_products)
            self.setup_key = reason or self.setup_key
        elif not is_pause:
            self.setup_since = None
        if state in ("", "working"):
            self.setup_key = key or self.setup_key
        if order and operation:
            self.latest_work = order, operation

    def start_lot(self, time: int) -> None:
        self.lot_starts[time] = self.worked_by(time)
        if len(self.lot_starts) > LOTS_REMEMBERED:
            del self.lot_starts[next(iter(self.lot_starts))]

    def end_lot(self, time: int) -> None:
        self.lots += 1
        at, count = self.lots_at
        self.lots_at = time, count + 1 if at == time else 1

    def worked_by(self, time: int) -> int:
        """Time in state working up to an instant not before the last change of state."""
        return self.worked + (time - self.since if self.state == "working" else 0)

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, as JSON holds them."""
        return asdict(self)

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> UnitTrack:
        """Inverse of :meth:`to_dict`, also from JSON."""
        return UnitTrack(
            **{
                **content,
                "lots_at": tuple(content["lots_at"]),
                "latest_work": tuple(content["latest_work"]),
                "lot_starts": {int(at): worked for at, worked in content["lot_starts"].items()},
                "stays": {key: Stay(**stay) for key, stay in content["stays"].items()},
            }
        )


@dataclass(frozen=True)
class UnitAt:
    """The past of a work unit as seen at a cut-off: its last state ends there."""

    track: UnitTrack
    at: int
    start: int
    """Of the log."""

    @property
    def last_state(self) -> tuple[str, pd.Timestamp | None, str]:
        unit = self.track
        return (unit.state, moment(unit.since), unit.reason) if unit.state else ("", None, "")

    @property
    def is_on(self) -> bool:
        unit = self.track
        return unit.is_warm if unit.state in (*STOPS, "") else unit.state in ON_STATES

    @property
    def latest_work(self) -> tuple[str, str]:
        return self.track.latest_work

    @property
    def setup_key(self) -> str:
        return self.track.setup_key

    @property
    def setup_since(self) -> pd.Timestamp | None:
        since = self.track.setup_since
        return None if since is None else moment(since)

    @property
    def setup_minutes(self) -> float:
        unit = self.track
        under_way = self.at - unit.since if unit.state == "setup" else 0
        return (unit.set_up - unit.setup_begun + under_way) / MICROSECONDS

    def product_before_setup(self, known: Container[str]) -> str:
        return next((p for p in reversed(self.track.products_before) if p in known), "")

    def working_minutes(self, since: pd.Timestamp) -> float:
        begin = stamp(since)
        if begin >= self.at:
            return 0.0
        return (self.track.worked_by(self.at) - self._worked_before(begin)) / MICROSECONDS

    def _worked_before(self, begin: int) -> int:
        unit = self.track
        if begin in unit.lot_starts:
            return unit.lot_starts[begin]
        ends = {stay.end: stay.worked for stay in unit.stays.values()}
        if begin in ends or begin <= self.start:
            return ends.get(begin, 0)
        return max(unit.worked_by(self.at) - (self.at - begin), 0)

    def lots_ended(self, since: pd.Timestamp) -> int:
        begin = stamp(since)
        before = {stay.end: stay.lots for stay in self.track.stays.values()}.get(begin, 0)
        return 0 if begin >= self.at else self.track.lots - before

    def renewed(self, repairs: Sequence[str], tasks: Sequence[str]) -> pd.Timestamp | None:
        unit = self.track
        if (unit.state in STOPS and unit.reason in repairs) or (
            unit.state == "maintenance" and unit.reason in tasks
        ):
            return moment(self.at)
        keys = [f"stop/{mode}" for mode in repairs] + [f"maintenance/{task}" for task in tasks]
        ends = [unit.stays[key].end for key in keys if key in unit.stays]
        return moment(max(ends)) if ends else None

    def last_execution(self, task: str) -> pd.Timestamp | None:
        unit = self.track
        if (unit.state, unit.reason) == ("maintenance", task):
            return moment(unit.since)
        stay = unit.stays.get(f"maintenance/{task}")
        return moment(stay.start) if stay else None


class ShopTrack:
    """What has happened in the shop so far, fed with events in time order."""

    def __init__(self, plant: Plant) -> None:
        self.units = {unit.id: UnitTrack() for unit in plant.work_units}
        self.progress: dict[tuple[str, str], Progress] = {}
        """Of every operation of orders that are not complete."""
        self.complete: dict[str, int] = {}
        """Orders that are complete, and when they were."""
        self._keys = {
            (unit.id, product.id): key_of(plant, unit.id, product.id)
            for unit in plant.work_units
            for product in plant.products
        }

    def take(self, rows: Iterable[Row]) -> None:
        """Go on by some events, none of them before one already taken."""
        for time, id, event, state, order, operation, product, lot, good, bad, reason in rows:
            unit = self.units.get(id)
            if event in ("start", "end"):
                self._take_lot(time, id, event, (order, operation), lot, good, bad)
            elif event == "complete":
                self._complete(order, time)
            if unit is None:
                continue
            if event == "state":
                unit.enter(time, state, order, operation, product, reason)
            elif event == "start":
                unit.start_lot(time)
            elif event == "end":
                unit.end_lot(time)
            if event in ("state", "start"):
                key = self._keys.get((id, product), "")
                unit.note_work(time, state, order, operation, reason, key)

    def _take_lot(
        self, time: int, unit: str, event: str, step: tuple[str, str], lot: str,
        good: float, bad: float,
    ) -> None:  # fmt: skip
        if step[0] in self.complete:
            return
        found = self.progress.setdefault(step, Progress())
        if unit != found.unit and found.under_way is not None and unit in self.units:
            self.units[unit].lot_starts[stamp(found.under_way)] = self.units[unit].worked_by(time)
        found.unit = unit
        if event == "start":
            found.started[lot or f"#{len(found.started)}"] = moment(time)
        else:
            good, bad = np.nan_to_num([good, bad]).tolist()
            found.ended[lot or f"#{len(found.ended)}"] = good, bad

    def _complete(self, order: str, time: int) -> None:
        self.complete.setdefault(order, time)
        for step in [step for step in self.progress if step[0] == order]:
            del self.progress[step]

    def past(self, at: datetime, first: int | None) -> ShopPast:
        """As seen at an instant after every event taken; ``first`` is when the log begins."""
        cut_off = stamp(at)
        start = cut_off if first is None else min(first, cut_off)
        units: dict[str, UnitPast] = {
            id: UnitAt(track, cut_off, start) for id, track in self.units.items()
        }
        return ShopPast(units, self.progress, self.complete, moment(start))

    def copy(self) -> ShopTrack:
        """One that goes its own way."""
        other = object.__new__(ShopTrack)
        other._keys = self._keys
        other._put(self.to_dict())
        return other

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, as JSON holds them."""
        return {
            "complete": dict(self.complete),
            "units": {id: track.to_dict() for id, track in self.units.items()},
            "progress": [
                [
                    *step, found.unit,
                    {lot: stamp(time) for lot, time in found.started.items()}, dict(found.ended),
                ]
                for step, found in self.progress.items()
            ],
        }  # fmt: skip

    @staticmethod
    def from_dict(content: Mapping[str, Any], plant: Plant) -> ShopTrack:
        """Inverse of :meth:`to_dict`, also from JSON; of the same plant."""
        track = ShopTrack(plant)
        track._put(content)
        return track

    def _put(self, content: Mapping[str, Any]) -> None:
        self.complete = dict(content["complete"])
        self.units = {id: UnitTrack.from_dict(unit) for id, unit in content["units"].items()}
        self.progress = {
            (order, operation): Progress(
                unit,
                {lot: moment(time) for lot, time in started.items()},
                {lot: (good, bad) for lot, (good, bad) in ended.items()},
            )
            for order, operation, unit, started, ended in content["progress"]
        }
