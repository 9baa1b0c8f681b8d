"""The bars of the plan by state: what is drawn where, before any plotly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dashboards.figures import numbers
from dashboards.figures.late import OrderStatus
from twin.accounting.report import Report
from twin.model.orders import OrderBook
from twin.model.plant import Plant, Product
from twin.model.schedule import Schedule, Segment

AREA_GAP = 0.55
"""Room between two areas, in rows."""


@dataclass(frozen=True)
class Rows:
    """Where every work unit lies: y grows downwards by one a unit, areas apart."""

    y: dict[str, float]
    areas: tuple[tuple[str, float], ...]
    """Name and first row of each area that has units."""

    @property
    def top(self) -> float:
        return min(self.y.values()) - 0.5

    @property
    def bottom(self) -> float:
        return max(self.y.values()) + 0.5


@dataclass
class Bars:
    """Bars of one state, index-aligned: start and length [min], row, label, hover text, order."""

    starts: list[float] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)
    rows: list[float] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    hovers: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)

    def add(
        self, start: float, end: float, row: float, hover: str, label: str = "", order: str = ""
    ) -> None:
        self.starts.append(start)
        self.lengths.append(end - start)
        self.rows.append(row)
        self.labels.append(label)
        self.hovers.append(hover)
        self.orders.append(order)


@dataclass(frozen=True)
class Made:
    """What one order is about, for hovers: product, pieces, due date [min], chance on time."""

    product: str
    quantity: int
    due: float
    on_time: float | None


def made_by_order(
    schedule: Schedule, orders: OrderBook | None, report: Report | None
) -> dict[str, Made]:
    """What every order is about, from the order book and the report, whichever knows it."""
    found = {
        o.id: Made(o.product, o.quantity, schedule.horizon.to_minutes(o.due_date), None)
        for o in orders or ()
    }
    for row in report.orders if report else ():
        chance = row.on_time.mean if row.on_time else None
        found[row.order] = Made(row.product, row.quantity, row.due, chance)
    return found


def rows_of(plant: Plant) -> Rows:
    """Rows grouped by area, in the plant's order."""
    y: dict[str, float] = {}
    areas: list[tuple[str, float]] = []
    at = 0.0
    for area in plant.areas:
        units = [u.id for u in plant.work_units if u.area == area.id]
        if not units:
            continue
        areas.append((area.name or area.id, at))
        for unit in units:
            y[unit] = at
            at += 1.0
        at += AREA_GAP
    return Rows(y, tuple(areas))


def off_shift_bars(plant: Plant, schedule: Schedule, rows: Rows) -> Bars:
    """The closed time of every unit."""
    horizon = schedule.horizon
    closed = {}
    for id, calendar in plant.calendars_by_id.items():
        opened = calendar.open_time(horizon)
        edges = [
            0.0,
            *(float(e) for pair in zip(opened.starts, opened.ends, strict=True) for e in pair),
        ]
        edges.append(float(horizon.minutes))
        closed[id] = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]
    bars = Bars()
    for unit in plant.work_units:
        for begin, end in closed[unit.calendar]:
            bars.add(
                begin,
                end,
                rows.y[unit.id],
                f"<b>{unit.id}</b> off shift<br>{_when(schedule, begin, end)}",
            )
    return bars


def state_bars(
    schedule: Schedule,
    plant: Plant,
    rows: Rows,
    statuses: Mapping[str, OrderStatus],
    made: Mapping[str, Made],
) -> dict[str, Bars]:
    """Bars of the plan by state; work is *working*, *at risk* or *late*.

    ``made`` tells what each order is about.
    """
    found: dict[str, Bars] = {}
    texts = _Texts(schedule, plant, made)
    for s in sorted(schedule.segments):
        if s.work_unit not in rows.y:
            continue
        state = _state_of(s, statuses)
        label = s.order if s.kind == "work" else "PM" if s.kind == "maintenance" else ""
        found.setdefault(state, Bars()).add(
            s.start, s.end, rows.y[s.work_unit], texts.hover(s), label, s.order
        )
    return found


def _state_of(s: Segment, statuses: Mapping[str, OrderStatus]) -> str:
    if s.kind != "work":
        return s.kind
    status = statuses.get(s.order, "on time")
    return status if status in ("late", "at risk") else "working"


class _Texts:
    """Ready hover texts, in the plant's clock."""

    def __init__(self, schedule: Schedule, plant: Plant, made: Mapping[str, Made]) -> None:
        self.schedule = schedule
        self.made = made
        self.products: dict[str, Product] = {p.id: p for p in plant.products}
        self.operations = {o.id: o.name or o.id for o in plant.operations}
        self.units = {u.id: f"{u.id}, {u.name}" if u.name else u.id for u in plant.work_units}
        self.tasks = {(u.id, t.id): t.name or t.id for u in plant.work_units for t in u.maintenance}

    def hover(self, s: Segment) -> str:
        head = {
            "work": f"<b>{s.order}</b>{self._product(s.order)}",
            "setup": f"<b>setup</b> for {s.order}",
            "maintenance": f"<b>maintenance</b> {self.tasks.get((s.work_unit, s.task), s.task)}",
            "standby": "<b>standby</b>, kept warm",
            "startup": "<b>warm-up</b>",
        }[s.kind]
        on = f"{self.operations.get(s.operation, s.operation)} on " if s.operation else ""
        lines = [head, on + self.units[s.work_unit], _when(self.schedule, s.start, s.end)]
        if s.kind == "work" and s.order in self.made:
            lines.append(self._promise(self.made[s.order]))
        return "<br>".join(lines)

    def _product(self, order: str) -> str:
        if order not in self.made:
            return ""
        row = self.made[order]
        product = self.products.get(row.product)
        name = (product.name or product.id) if product else row.product
        return f" {name} · {numbers.number(row.quantity)} pieces"

    def _promise(self, row: Made) -> str:
        due = f"due {numbers.moment(self.schedule.horizon.local(row.due))}"
        return due if row.on_time is None else f"{due} · {numbers.share(row.on_time)} on time"


def _when(schedule: Schedule, begin: float, end: float) -> str:
    first, last = schedule.horizon.local(begin), schedule.horizon.local(end)
    until = numbers.clock(last) if last.date() == first.date() else numbers.short_moment(last)
    return f"{numbers.moment(first)} – {until} · {numbers.hours(end - begin)}"
