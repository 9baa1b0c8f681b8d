"""The pulse of the feed: how long units are usually silent, clocks, scrap by lot, metered energy.

Usual gaps are learnt from the log itself, by work unit and state, inside one shift: the longest of
this week and of the last. Scrap follows Laney's p′ chart (Laney 2002, *Improved control charts for
attributes*): standardised shares of lots, whose spread is taken from their own moving ranges, so
that lots may differ by more than the binomial law allows. The mean of the last
:data:`LOTS_JUDGED` lots is judged against those before.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from twin.calibration.shop_track import MICROSECONDS, Row, stamp
from twin.model.compiled import CompiledPlant
from twin.model.horizon import Horizon
from twin.model.plant import Plant
from twin.model.shifts import OpenTime

SITE = ""
"""Stands for all work units together."""
FEWEST_GAPS = 8
"""Of a unit in a state, before its silence is judged."""
BUSY = ("working", "setup")
"""States in which a unit has something to tell; in others its meter may."""
FEWEST_READINGS = 20
LOTS_JUDGED = 6
LOTS_LEARNT = 25
"""Lots before their scrap is judged."""
FORGETS = 0.04
"""Weight of a new lot in what is learnt."""
RANGE_OF_NORMAL = 1.128
"""Mean range of two normal values over their standard deviation (d₂)."""
WEEK = 7 * 24 * 60 * MICROSECONDS
QUARTERS_KEPT = 12


class Shifts:
    """When the work units, and the site, are open."""

    def __init__(self, plant: Plant, begin: datetime, end: datetime) -> None:
        self.begin, self.end = stamp(begin), stamp(end)
        minutes = math.ceil((self.end - self.begin) / MICROSECONDS / 15) * 15
        horizon = Horizon(begin, max(minutes, 15), plant.timezone)
        opened = {id: c.open_time(horizon) for id, c in plant.calendars_by_id.items()}
        every = [
            (float(a), float(b))
            for unit in plant.work_units
            for a, b in zip(opened[unit.calendar].starts, opened[unit.calendar].ends, strict=True)
        ]
        self._windows = {u.id: self._instants(opened[u.calendar]) for u in plant.work_units}
        self._windows[SITE] = self._instants(OpenTime.of(every, horizon.minutes))

    def _instants(self, opened: OpenTime) -> tuple[list[int], list[int]]:
        starts, ends = opened.starts.tolist(), opened.ends.tolist()
        return (
            [self.begin + round(minute * MICROSECONDS) for minute in starts],
            [self.begin + round(minute * MICROSECONDS) for minute in ends],
        )

    def since(self, unit: str, time: int) -> int | None:
        """Beginning of the shift that an instant is in; None off shift."""
        starts, ends = self._windows.get(unit, ((), ()))
        n = bisect_right(starts, time) - 1
        return starts[n] if n >= 0 and time < ends[n] else None


@dataclass
class Gaps:
    """Silences of a unit in one state [µs]."""

    count: int = 0
    week: int = 0
    longest: int = 0
    """This week."""
    longest_before: int = 0
    """The week before."""

    def add(self, gap: int, time: int) -> None:
        week = time // WEEK
        if week > self.week:
            self.longest_before = self.longest if week == self.week + 1 else 0
            self.week, self.longest = week, 0
        self.count += 1
        self.longest = max(self.longest, gap)

    @property
    def usual(self) -> int:
        return max(self.longest, self.longest_before)


@dataclass
class UnitPulse:
    """What is known of the reports of one unit, or of the site."""

    last: int = 0
    """Instant of its latest event."""
    state: str = ""
    readings: int = 0
    """Of its meter."""
    gaps: dict[str, Gaps] = field(default_factory=dict)
    """By state."""

    def hear(self, time: int, shift: int | None) -> None:
        """An event came; ``shift`` is when the shift that it is in began."""
        if time <= self.last:
            return
        if self.last and shift is not None and shift <= self.last:
            self.gaps.setdefault(self.state, Gaps()).add(time - self.last, time)
        self.last = time

    @property
    def usual(self) -> int | None:
        """Longest usual silence in its state; None where silence says nothing."""
        gaps = self.gaps.get(self.state)
        tells = self.state in BUSY or self.readings >= FEWEST_READINGS
        return gaps.usual if gaps and gaps.count >= FEWEST_GAPS and tells else None


@dataclass
class ScrapChart:
    """Standardised scrap shares of the lots of one operation on one unit."""

    lots: int = 0
    """Learnt from."""
    centre: float = 0.0
    spread: float = 1.0
    """Standard deviation between lots, from their moving ranges."""
    recent: list[float] = field(default_factory=list)
    """The last lots, not yet learnt."""
    shares: list[float] = field(default_factory=list)
    """Scrapped of these lots."""
    since: int = 0
    """End of the first of them."""
    ends: list[int] = field(default_factory=list)

    def add(self, good: float, scrap: float, expected: float, time: int) -> None:
        pieces = good + scrap
        z = (scrap - pieces * expected) / math.sqrt(pieces * expected * (1 - expected))
        self.recent.append(z)
        self.shares.append(scrap / pieces)
        self.ends.append(time)
        if len(self.recent) > LOTS_JUDGED:
            self._learn(self.recent.pop(0), self.recent[0])
            del self.shares[0], self.ends[0]
        self.since = self.ends[0]

    def _learn(self, z: float, following: float) -> None:
        self.lots += 1
        weight = max(FORGETS, 1 / self.lots)
        sigma = abs(following - z) / RANGE_OF_NORMAL
        self.centre += weight * (z - self.centre)
        self.spread += weight * (min(sigma, 4 * max(self.spread, 1.0)) - self.spread)

    @property
    def sigmas(self) -> float:
        """How far the last lots lie above the earlier ones [standard deviations]."""
        if self.lots < LOTS_LEARNT or len(self.recent) < LOTS_JUDGED:
            return 0.0
        mean = sum(self.recent) / len(self.recent)
        error = max(self.spread, 1.0) * math.sqrt(1 / len(self.recent) + FORGETS / 2)
        return (mean - self.centre) / error

    @property
    def share(self) -> float:
        return sum(self.shares) / len(self.shares) if self.shares else 0.0


class Pulse:
    """What the events say beside the state of the shop, kept as they arrive."""

    def __init__(self) -> None:
        self.units: dict[str, UnitPulse] = {}
        self.scrap: dict[str, ScrapChart] = {}
        """By ``unit/operation``."""
        self.quarters: dict[int, tuple[float, int]] = {}
        """End of a quarter of an hour: energy metered in it [kWh], and readings."""
        self.ahead: dict[str, int] = {}
        """Units whose last event was of the future when it came, and by how much [µs]."""
        self.newest = 0
        """Instant of the latest event that is not of the future."""

    def take(
        self, rows: Iterable[Row], now: datetime, plant: CompiledPlant, shifts: Shifts
    ) -> None:
        """Events as they arrived; ``now`` is when they did."""
        clock = stamp(now)
        for row in rows:
            time, unit, event, state = row[:4]
            if not unit:
                continue
            if time > clock + MICROSECONDS:
                self.ahead[unit] = time - clock
                continue
            if self.units.get(unit, _NONE).last <= time:
                self.ahead.pop(unit, None)
            self.newest = max(self.newest, time)
            self._hear(unit, time, shifts)
            if event == "state":
                self.units[unit].state = state
            elif event == "meter":
                self._meter(unit, time, row[8])
            elif event == "end":
                self._lot(row, plant)

    def _hear(self, unit: str, time: int, shifts: Shifts) -> None:
        for id in (unit, SITE):
            self.units.setdefault(id, UnitPulse()).hear(time, shifts.since(id, time))

    def _meter(self, unit: str, time: int, kwh: float) -> None:
        self.units[unit].readings += 1
        quarter = 15 * MICROSECONDS
        end = -(-time // quarter) * quarter
        energy, count = self.quarters.get(end, (0.0, 0))
        self.quarters[end] = energy + (0.0 if math.isnan(kwh) else kwh), count + 1
        for old in sorted(self.quarters)[:-QUARTERS_KEPT]:
            del self.quarters[old]

    def _lot(self, row: Row, plant: CompiledPlant) -> None:
        time, unit, operation, product, good, bad = row[0], row[1], row[5], row[6], row[8], row[9]
        known = unit in plant.unit_index and product in plant.product_index
        if not known or math.isnan(good) or math.isnan(bad) or good + bad <= 0:
            return
        share = float(plant.scrap[plant.unit_index[unit], plant.product_index[product]])
        if 0 < share < 1:
            chart = self.scrap.setdefault(f"{unit}/{operation}", ScrapChart())
            chart.add(good, bad, share, time)

    def last_quarter(self, now: datetime) -> tuple[int, float] | None:
        """End and energy [kWh] of the latest quarter that all usual meters have told of."""
        if not self.quarters:
            return None
        usual = max(count for _, count in self.quarters.values())
        whole = [
            (end, kwh)
            for end, (kwh, count) in self.quarters.items()
            if count >= usual and end <= stamp(now)
        ]
        return max(whole) if whole else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, as JSON holds them."""
        return {
            "units": {id: asdict(unit) for id, unit in self.units.items()},
            "scrap": {place: asdict(chart) for place, chart in self.scrap.items()},
            "quarters": [[end, *value] for end, value in self.quarters.items()],
            "ahead": self.ahead,
            "newest": self.newest,
        }

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Pulse:
        """Inverse of :meth:`to_dict`, also from JSON."""
        made = Pulse()
        for id, unit in content["units"].items():
            gaps = {state: Gaps(**found) for state, found in unit["gaps"].items()}
            made.units[id] = UnitPulse(**{**unit, "gaps": gaps})
        made.scrap = {place: ScrapChart(**chart) for place, chart in content["scrap"].items()}
        made.quarters = {end: (kwh, count) for end, kwh, count in content["quarters"]}
        made.ahead, made.newest = dict(content["ahead"]), content["newest"]
        return made


_NONE = UnitPulse()
