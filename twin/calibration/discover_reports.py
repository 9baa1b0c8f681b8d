"""A plant read from a log of work reports, which names no product and shows no state of machines.

Products are the routes that orders took. What such a log cannot show is left at a neutral value and
said so in the notes: power, failures, maintenance, buffers, money.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from twin.calibration.calendars import FoundCalendar, discover_calendar
from twin.calibration.plant_text import Discovery, Note
from twin.calibration.reports import WorkReport, plain_name, work_reports
from twin.calibration.routes import (
    Case,
    Route,
    cases,
    find_closing,
    nearest,
    route_variants,
    whole_cases,
)
from twin.calibration.work_times import Sample, WorkTime, samples_of, unit_minutes, work_time
from twin.errors import UnfitData, did_you_mean
from twin.model.events import EventLog
from twin.model.plant import (
    ANY,
    Area,
    Operation,
    Plant,
    PowerByState,
    Processing,
    Product,
    SetupTable,
    WorkUnit,
)
from twin.model.plant import Route as PlantRoute

EARLIER = "extract earlier days, or move the cut-off"
LEAST_DAYS = 15
"""A resource seen on fewer dates is given the plant's calendar."""
UNIT_OPEN_SHARE = 0.3
"""For the calendar of one resource, whose weeks differ more than the plant's."""
PRIOR_PIECES = 50
"""The plant's scrap share weighs as much as this many pieces of a resource's own."""


def discover_reports(
    log: EventLog,
    *,
    id: str,
    timezone: str,
    until: datetime,
    name: str,
    currency: str,
    same: Mapping[str, str] | None,
    most_products: int,
    least_cases: int,
    working_kw: float | None,
    standby_kw: float | None,
) -> Discovery:
    """The plant behind a log of reports; see :func:`~twin.calibration.discover.discover`."""
    reports = work_reports(log, until, same)
    if not any(r.kind == "work" and not r.is_open for r in reports):
        raise UnfitData(f"{log.source}: no work is reported as done by {until}; {EARLIER}")
    found, start = cases(reports), reports[0].start
    closing = find_closing(found, start, until)
    whole = whole_cases(found, start, closing)
    variants = route_variants(whole, most_products, least_cases)
    if not variants:
        raise UnfitData(f"{log.source}: no order is complete, no route can be told; {EARLIER}")
    products = {route: f"R{n + 1:02d}" for n, (route, _) in enumerate(variants)}
    operations = [*dict.fromkeys(o for route, _ in variants for o in route)]
    samples = [s for s in samples_of(found, closing.operation) if s.operation in operations]
    times = {o: work_time([s for s in samples if s.operation == o]) for o in operations}
    slugs = _slugs(operations)
    people = _Resources(reports, operations, samples, times, slugs, found, list(products))
    calendars, calendar_notes = _calendars(reports, people.names, timezone)
    power = PowerByState(
        standby=standby_kw or 0.0,
        setup=standby_kw or 0.0,
        working=working_kw or 0.0,
    )
    plant = Plant(
        id=id,
        name=name or id,
        note=f"Discovered from {len(reports)} reports before {until:%Y-%m-%d %H:%M %Z}.",
        timezone=timezone,
        currency=currency,
        areas=[Area(id=slugs[o], name=o) for o in operations],
        calendars=[f.calendar for f in calendars.values()],
        operations=[Operation(id=slugs[o], name=o) for o in operations],
        routes=[PlantRoute(id=products[r], operations=[slugs[o] for o in r]) for r, _ in variants],
        products=[
            Product(id=products[r], name=" > ".join(r), family=slugs[r[0]], route=products[r])
            for r, _ in variants
        ],
        work_units=[people.work_unit(u, calendars, power) for u in people.names],
    )
    notes = [
        _power_note(working_kw, standby_kw),
        Note("plant", "no failures, maintenance, buffers, piece masses or costs are in the log"),
        Note(
            "plant",
            f'an order counts as over once it has had "{closing.operation}"; '
            f"{closing.accuracy:.0%} of such judgements on past days were right",
        ),
        *_same_notes(log.until(until), same or {}),
        *_product_notes(variants, whole, products),
        *(Note(f"operations.{slugs[o]}", times[o].note) for o in operations),
        *_left_out(reports, operations),
        *calendar_notes,
        *people.notes(),
    ]
    return Discovery(plant, tuple(notes))


def _same_notes(log: EventLog, same: Mapping[str, str]) -> Iterator[Note]:
    """Names said to be another operation's that the log does not have: misspelt, or not yet met."""
    names = set(log.table["operation"])
    met = {plain_name(name) for name in names}
    for name in same:
        if plain_name(name) not in met:
            hint = did_you_mean(name, names - {""})
            yield Note("plant", f'"{name}" of same is no operation of the log; {hint}')


class _Resources:
    """The resources that do an operation of some route, and what is known about each."""

    def __init__(
        self,
        reports: Sequence[WorkReport],
        operations: Sequence[str],
        samples: Sequence[Sample],
        times: Mapping[str, WorkTime],
        slugs: Mapping[str, str],
        found: Mapping[str, Case],
        routes: Sequence[Route],
    ) -> None:
        self.samples, self.times, self.slugs = samples, times, slugs
        self.of_unit: dict[str, list[WorkReport]] = defaultdict(list)
        for report in reports:
            self.of_unit[report.work_unit].append(report)
        done = Counter(
            (r.work_unit, r.operation) for r in reports if r.kind == "work" and r.work_unit
        )
        self.does = {
            (unit, o): n
            for (unit, o), n in sorted(done.items())
            if o in operations
            and (n >= 2 or not any(m >= 2 for (_, p), m in done.items() if p == o))
        }
        self.names = sorted({unit for unit, _ in self.does})
        self.route_of = {id: nearest(case.sequence, routes) for id, case in found.items()}
        work = [r for r in reports if r.kind == "work"]
        self.scrap_share = sum(r.scrap for r in work) / max(sum(r.pieces for r in work), 1.0)

    def operations_of(self, unit: str) -> list[str]:
        """Most frequent first."""
        mine = [(n, o) for (u, o), n in self.does.items() if u == unit]
        return [o for n, o in sorted(mine, key=lambda row: (-row[0], row[1]))]

    def work_unit(
        self, unit: str, calendars: Mapping[str, FoundCalendar], power: PowerByState
    ) -> WorkUnit:
        operations = self.operations_of(unit)
        return WorkUnit(
            id=unit,
            area=self.slugs[operations[0]],
            calendar=calendars.get(unit, calendars[""]).calendar.id,
            processing=[self._processing(unit, o) for o in operations],
            setup=self._setup(unit),
            power_kw=power,
            scrap={ANY: self._scrap(unit)},
        )

    def _processing(self, unit: str, operation: str) -> Processing:
        pooled = self.times[operation]
        minutes = unit_minutes(pooled, [s for s in self.samples if s.operation == operation], unit)
        return Processing(
            operation=self.slugs[operation],
            basis=pooled.basis,
            time={ANY: float(f"{minutes:.4g}")},
            cv=round(pooled.cv, 2),
        )

    def _setup_figures(self, unit: str) -> tuple[float, int, int]:
        """Setup minutes [min], setup reports, and changes of product in its sequence of work."""
        mine = self.of_unit[unit]
        minutes = sum(r.minutes for r in mine if r.kind == "setup")
        reports = sum(1 for r in mine if r.kind == "setup")
        made = [self.route_of[r.order] for r in mine if r.kind != "break" and r.order]
        changes = sum(a != b for a, b in pairwise(made))
        return minutes, reports, changes

    def _setup(self, unit: str) -> SetupTable | None:
        """The same time between any two products, so that the log's changes take what they took."""
        minutes, reports, changes = self._setup_figures(unit)
        if reports < 3 or not changes:
            return None
        return SetupTable(by="product", default=round(minutes / changes, 1))

    def _scrap(self, unit: str) -> float:
        work = [r for r in self.of_unit[unit] if r.kind == "work"]
        scrap, pieces = sum(r.scrap for r in work), sum(r.pieces for r in work)
        share = (scrap + PRIOR_PIECES * self.scrap_share) / (pieces + PRIOR_PIECES)
        return round(min(share, 0.99), 5)

    def notes(self) -> list[Note]:
        found = []
        for unit in self.names:
            work = [r for r in self.of_unit[unit] if r.kind == "work"]
            days = len({r.start.date() for r in work})
            text = f"{len(work)} work reports on {days} days"
            minutes, reports, changes = self._setup_figures(unit)
            if reports:
                text += f"; {reports} setup reports, {minutes:.0f} min for {changes} changes"
            if len(work) < 10:
                text += "; too few to be sure of anything"
            found.append(Note(f"work_units.{unit}", text))
        return found


def end_of(log: EventLog) -> datetime:
    """Just after the last event."""
    last: datetime = log.table["time"].max().to_pydatetime()
    return last + timedelta(microseconds=1)


def _slugs(operations: Sequence[str]) -> dict[str, str]:
    """Ids of operations: lower case, words joined by underscores, made unique."""
    found: dict[str, str] = {}
    for name in operations:
        slug = re.sub(r"[^a-z0-9]+", "_", name.lower().replace("q.c.", "qc")).strip("_") or "op"
        n = sum(1 for other in found.values() if other == slug or other.startswith(f"{slug}-"))
        found[name] = f"{slug}-{n + 1}" if slug in found.values() else slug
    return found


def _calendars(
    reports: Sequence[WorkReport], units: Sequence[str], timezone: str
) -> tuple[dict[str, FoundCalendar], list[Note]]:
    """The plant's calendar under the empty name, and one for each resource seen on enough days."""
    spans: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for r in reports:
        if r.kind != "break" and r.end > r.start:
            spans[r.work_unit].append((r.start, r.end))
    every = [span for unit in sorted(spans) for span in spans[unit]]
    found = {"": discover_calendar(every, timezone, id="plant")}
    for unit in units:
        mine = spans[unit]
        if len({begin.date() for begin, _ in mine}) >= LEAST_DAYS:
            found[unit] = discover_calendar(
                mine, timezone, id=f"shift_{unit}", by_weekday=False,
                open_share=UNIT_OPEN_SHARE, with_holidays=False,
            )  # fmt: skip
    notes = [
        Note(
            f"calendars.{f.calendar.id}",
            f"busy on {f.days} days; {f.inside:.0%} of the reported time lies inside",
        )
        for f in found.values()
    ]
    return found, notes


def _power_note(working_kw: float | None, standby_kw: float | None) -> Note:
    if working_kw is None:
        return Note("plant", "the log has no meter: power is 0 and energy cannot be judged")
    text = f"power is assumed, not measured: {working_kw:g} kW working"
    return Note("plant", f"{text}, {standby_kw or 0:g} kW standby and setup, every resource alike")


def _product_notes(
    variants: Sequence[tuple[Route, int]], whole: Sequence[Case], products: Mapping[Route, str]
) -> list[Note]:
    exact = Counter(case.sequence for case in whole)
    return [
        Note(
            f"products.{products[route]}",
            f"stands for {n} of {len(whole)} complete orders, {exact[route]} of them exactly",
        )
        for route, n in variants
    ]


def _left_out(reports: Sequence[WorkReport], operations: Sequence[str]) -> list[Note]:
    counts = Counter(r.operation for r in reports if r.operation not in operations)
    if not counts:
        return []
    shown = ", ".join(f"{name} ({n})" for name, n in sorted(counts.items()))
    return [Note("plant", f"operations in no route, with their reports: {shown}")]
