"""What ``noria simulate`` prints for people: a few tables, every figure with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import floor, log10

from scenarios.report_text import table
from scenarios.simulate import Simulated
from twin.accounting.indicators import Key
from twin.accounting.intervals import mean_interval
from twin.accounting.report import Estimate, OrderReport
from twin.accounting.simulation_report import Bottleneck, SimulationReport, unit_of

PLANT_FIGURES = (
    ("throughput_per_h", "Throughput"),
    ("wip_jobs", "Work inside"),
    ("flow_time_h", "Flow time"),
    ("orders_completed", "Orders and parts complete"),
    ("orders_on_time", "Orders on time"),
    ("parts_scrapped_share", "Scrap, of pieces finished"),
    ("scrap_share", "Scrap, per operation"),
    ("availability", "Availability (ISO 22400)"),
    ("oee", "OEE (ISO 22400)"),
    ("failures", "Failures"),
    ("repair_h", "Under repair"),
    ("setup_h", "Setup"),
    ("energy_kwh", "Energy"),
    ("kwh_per_tonne", "Energy per good tonne"),
    ("energy_cost", "Energy cost"),
    ("carbon_kg", "Carbon, location-based"),
)
STATE_COLUMNS = (
    ("working", ("working",)),
    ("setup", ("setup",)),
    ("blocked", ("blocked",)),
    ("idle", ("standby",)),
    ("down", ("down", "repair")),
    ("maint.", ("maintenance",)),
    ("startup", ("startup",)),
    ("off", ("off",)),
)
"""Column, and the states whose shares are added up in it."""
BOTTLENECK = "bottleneck of the simulated days"
"""Not of the log's past, of which ``noria diagnose`` tells."""
OEE_ABOVE = (
    "OEE (availability × effectiveness × quality ratio) is above availability where lots took less "
    "than their mean time in the plant model, or began before the time counted"
)
SHARE_PLACES = 3
"""Of a share that is shown in % with one decimal."""
MOST_PLACES = 5
RISKIEST = 12
"""Orders shown; the JSON has all."""


def simulation_text(done: Simulated) -> str:
    """The whole report."""
    report = done.report
    parts = [
        _head(done),
        "\n".join(f"warning: {warning}" for warning in done.warnings),
        _plant(report),
        _inputs(done),
        _products(report),
        _bottleneck(report.bottleneck),
        _units(done),
        _buffers(report),
        _people(report),
        _vehicles(report),
        _stocks(report),
        _orders(report),
        "\n".join([f"note: {note}" for note in (*report.notes, *_on_oee(report))]),
        done.shortfall,
    ]
    return "\n\n".join(part for part in parts if part)


def _head(done: Simulated) -> str:
    report, horizon = done.report, done.report.horizon
    begin, end = horizon.local(0), horizon.local(horizon.minutes)
    warm_up = done.warm_up_rule
    if report.warm_up:
        warm_up = f"{_duration(report.warm_up)} cut off, {warm_up}"
    elif not warm_up.startswith("none"):
        warm_up = f"nothing to cut off, {warm_up}"
    return "\n".join(
        (
            f"{report.plant}: {begin:%a %Y-%m-%d %H:%M} to {end:%a %Y-%m-%d %H:%M} "
            f"({horizon.timezone}), {_duration(horizon.minutes)}",
            f"rule: {report.plan}",
            f"warm-up: {warm_up}",
            f"{report.replications} replications (asked: {done.asked}), seed {report.seed}; "
            f"{report.level:.0%} intervals",
            f"engine: {report.engine}",
        )
    )


def _plant(report: SimulationReport) -> str:
    found = report.of("plant")
    has_power = "energy_kwh" in found and found["energy_kwh"].high > 0
    rows = []
    for name, label in PLANT_FIGURES:
        figure = found.get(name)
        if figure is None or (not has_power and name in ("energy_kwh", "kwh_per_tonne")):
            continue
        if name == "setup_h" and figure.high == 0:
            continue
        unit = unit_of(name, report.currency)
        factor, shown = (100.0, "%") if unit == "1" else (1.0, unit)
        least = float("-inf") if name == "energy_cost" else 0.0
        mean = _number(figure.mean * factor, _places(figure, factor))
        rows.append((label, mean, _interval(figure, factor, least), shown))
    return table(("plant", "mean", "interval", "unit"), rows)


def _inputs(done: Simulated) -> str:
    """Both half-widths of the figures of the plant, and of what each product makes."""
    labels = {Key("plant", "", name): label for name, label in PLANT_FIGURES}
    for id in done.report.ids("product"):
        labels[Key("product", id, "throughput_per_h")] = f"Throughput of {id}"
    rows = []
    for key, label in labels.items():
        widths, unit = done.inputs.get(key), unit_of(key.figure, done.report.currency)
        if widths is None or widths.both <= 1e-9 * abs(widths.mean):
            continue
        factor, shown = (100.0, "%") if unit == "1" else (1.0, unit)
        figure = done.report.figures[key]
        half = widths.both
        places = _places(replace(figure, low=figure.mean - half, high=figure.mean + half), factor)
        sizes = (widths.mean, widths.simulation, widths.inputs, widths.both)
        cells = [_number(size * factor, places) for size in sizes]
        if widths.inputs == 0:
            cells[2] = "–"
        rows.append((label, *cells, shown))
    if not rows:
        return ""
    drawn = max(widths.draws for widths in done.inputs.values())
    title = (
        "half-widths by chance, which more replications narrow, and by the calibrated "
        f"parameters\n({drawn} plants drawn), which a longer log narrows; –: no more than chance "
        "explains"
    )
    head = ("figure", "mean", "± by chance", "± by inputs", "± both", "unit")
    return f"{title}\n{table(head, rows)}"


def _products(report: SimulationReport) -> str:
    rows = []
    for id in report.ids("product"):
        found = report.of("product", id)
        if all(found[name].high == 0 for name in ("released_per_h", "throughput_per_h")):
            continue
        rows.append(
            (
                id,
                _plus_minus(found["throughput_per_h"]),
                _plus_minus(found["scrapped_per_h"]),
                _plus_minus(found.get("wip_jobs")),
                _plus_minus(found.get("flow_time_h")),
            )
        )
    head = ("product", "good [pieces/h]", "scrap [pieces/h]", "inside [jobs]", "flow time [h]")
    return table(head, rows) if rows else ""


def _bottleneck(found: Bottleneck | None) -> str:
    if found is None:
        return ""
    waits = f"it waits {_percent(found.waiting)} % of its open time for work or for room"
    if not found.runner_up or found.gap is None:
        return f"{BOTTLENECK}: {found.work_unit}\n  {waits}"
    gap = f"the next, {found.runner_up}, waits {_percent(found.gap)} percentage points more"
    doubt = "" if found.is_clear else f", or {found.runner_up}: no clear difference"
    return f"{BOTTLENECK}: {found.work_unit}{doubt}\n  {waits};\n  {gap}"


def _units(done: Simulated) -> str:
    report, rows = done.report, []
    has_power = any(report.of("work_unit", id)["energy_kwh"].high for id in report.ids("work_unit"))
    for id in report.ids("work_unit"):
        found = report.of("work_unit", id)
        shares = [_combined(done, id, states) for _, states in STATE_COLUMNS]
        energy = [_plus_minus(found["energy_kwh"])] if has_power else []
        rows.append(
            (
                id,
                *(_share(share) for share in shares),
                _share(found.get("availability")),
                _share(found.get("oee")),
                _plus_minus(found["failures"]),
                *energy,
            )
        )
    names = [name for name, _ in STATE_COLUMNS]
    used = [any(row[1 + i] not in ("", "0") for row in rows) for i in range(len(names))]
    kept = [0, *(1 + i for i, is_used in enumerate(used) if is_used)]
    kept += range(1 + len(names), len(rows[0]))
    head = ("work unit", *names, "avail.", "OEE", "failures", *(["kWh"] if has_power else []))
    title = "shares of the time in %, availability and OEE by ISO 22400 in %"
    shown = table([head[i] for i in kept], [[row[i] for i in kept] for row in rows])
    return f"{title}\n{shown}"


def _on_oee(report: SimulationReport) -> Iterator[str]:
    """Why OEE is above availability, where it is."""
    shown = [report.of("plant"), *(report.of("work_unit", id) for id in report.ids("work_unit"))]
    both = [(f["oee"], f["availability"]) for f in shown if "oee" in f and "availability" in f]
    if any(round(oee.mean, SHARE_PLACES) > round(a.mean, SHARE_PLACES) for oee, a in both):
        yield OEE_ABOVE


def _buffers(report: SimulationReport) -> str:
    rows = []
    for id in report.ids("operation"):
        found = report.of("operation", id)
        if found["buffer_jobs"].high > 0 or "wait_min" in found:
            rows.append((id, _plus_minus(found["buffer_jobs"]), _plus_minus(found.get("wait_min"))))
    head = ("before operation", "in the buffer [jobs]", "waiting [min/job]")
    return table(head, rows) if rows else ""


def _people(report: SimulationReport) -> str:
    rows = []
    for id in report.ids("crew"):
        found = report.of("crew", id)
        rows.append((id, _share(found.get("utilisation")), _plus_minus(found["busy_people"])))
    head = ("crew", "busy [% of its time on duty]", "busy people, mean")
    return table(head, rows) if rows else ""


def _vehicles(report: SimulationReport) -> str:
    rows = []
    for id in report.ids("transport"):
        found = report.of("transport", id)
        rows.append((id, _share(found["utilisation"]), _plus_minus(found["busy_vehicles"])))
    head = ("transport", "under way [% of the time]", "vehicles under way, mean")
    return table(head, rows) if rows else ""


def _stocks(report: SimulationReport) -> str:
    rows = []
    for id in report.ids("stock"):
        found = report.of("stock", id)
        owed, filled = found["owed_pieces"], found.get("fill_rate")
        rows.append((id, _plus_minus(found["on_hand_pieces"]), _plus_minus(owed), _share(filled)))
    head = ("stock", "on hand [pieces]", "owed [pieces]", "filled at once [%]")
    return table(head, rows) if rows else ""


def _orders(report: SimulationReport) -> str:
    if not report.orders:
        return ""
    risky = sorted(report.orders, key=_risk)
    shown = risky[:RISKIEST]
    rows = [
        (
            order.order,
            order.product,
            str(order.quantity),
            _moment(report, order.due),
            *(
                _moment(report, end)
                for end in (order.completion_p10, order.completion_p50, order.completion_p90)
            ),
            _chance(order.on_time),
        )
        for order in shown
    ]
    head = ("order", "product", "pieces", "due", "p10", "p50", "p90", "on time [%]")
    n = len(report.orders)
    title = f"{n} orders" + (f", the {len(shown)} most at risk" if n > len(shown) else "")
    level = f"; chance of being on time with Wilson's {report.level:.0%} interval"
    return f"{title}{level}\n{table(head, rows)}"


def _risk(order: OrderReport) -> tuple[float, float]:
    return (order.on_time.mean if order.on_time else 2.0, order.due)


def _chance(found: Estimate | None) -> str:
    if found is None:
        return "not known yet"
    return f"{100 * found.mean:.0f} ({100 * found.low:.0f} to {100 * found.high:.0f})"


def _moment(report: SimulationReport, minute: float | None) -> str:
    if minute is None:
        return "never"
    begin, end = report.horizon.local(0), report.horizon.local(report.horizon.minutes)
    is_plain = begin.year == end.year and begin.year == report.horizon.local(minute).year
    return f"{report.horizon.local(minute):{'%a %d %b %H:%M' if is_plain else '%Y-%m-%d %H:%M'}}"


def _combined(done: Simulated, id: str, states: Iterable[str]) -> Estimate:
    """Share of the time in any of some states; added up replication by replication."""
    keys = [Key("work_unit", id, f"{state}_share") for state in states]
    return mean_interval([sum(row[key] for key in keys) for row in done.observed])


def _share(found: Estimate | None) -> str:
    return "" if found is None else _percent(found)


def _percent(found: Estimate) -> str:
    half = 50 * (found.high - found.low)
    if found.mean == 0 and half == 0:
        return "0"
    return f"{100 * found.mean:.1f}" + (f"±{half:.1f}" if found.n > 1 else "")


def _plus_minus(found: Estimate | None) -> str:
    if found is None:
        return ""
    mean, half = found.mean, (found.high - found.low) / 2
    places = _places(found)
    if found.n < 2 or half == 0:
        return _number(mean, places)
    return f"{_number(mean, places)}±{_number(half, places)}"


def _interval(found: Estimate, factor: float = 1.0, least: float = 0.0) -> str:
    """The interval; not below what the figure can be at least."""
    if found.n < 2:
        return ""
    places = _places(found, factor)
    low = max(found.low * factor, least)
    return f"{_number(low, places)} to {_number(found.high * factor, places)}"


def _places(found: Estimate, factor: float = 1.0) -> int:
    """Decimals that show two digits of the half-width, or four of the mean if these are fewer."""
    half, mean = (found.high - found.low) / 2 * factor, abs(found.mean) * factor
    if half <= 1e-9 * mean and mean == round(mean):
        return 0
    of_half = 1 - floor(log10(half)) if half > 1e-9 * mean else MOST_PLACES
    of_mean = 3 - floor(log10(mean)) if mean else MOST_PLACES
    return min(max(min(of_half, of_mean), 0), MOST_PLACES)


def _number(value: float, places: int) -> str:
    return f"{value:,.{places}f}"


def _duration(minutes: float) -> str:
    """``7 days``, ``8.5 h`` or ``25 min``."""
    if minutes >= 2880:
        return f"{minutes / 1440:.4g} days"
    return f"{minutes / 60:.3g} h" if minutes >= 120 else f"{minutes:.3g} min"
