"""Plants drawn at random, with every feature a plant can have and with many equal instants.

Half of the plants are *tied*: each duration is constant, a multiple of a quarter of a minute out of
a short list, so that lots, failures, shifts and releases end at the same instant and only the rules
of order decide. The others draw from all laws.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.twin.simulation.picks import Picks
from twin.model.plant import Plant

Facts = dict[str, Any]

CREWS = ("MECH", "ELEC", "MEN")
SKILLS = ("weld", "tune")


@dataclass
class Sketch:
    """What a plant is drawn around: which groups of features it has, and its names so far."""

    picks: Picks
    is_tied: bool
    wishes: set[str]
    operations: list[str] = field(default_factory=list)
    routes: dict[str, list[str]] = field(default_factory=dict)
    products: list[str] = field(default_factory=list)
    families: list[str] = field(default_factory=list)
    heats: list[str] = field(default_factory=list)
    calendars: list[str] = field(default_factory=lambda: ["always"])
    crews: dict[str, int] = field(default_factory=dict)
    """People of the largest crew by what can be asked for."""
    stocks: list[str] = field(default_factory=list)
    transports: list[str] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)

    def wants(self, feature: str) -> bool:
        return feature in self.wishes

    def law(self, *scales: float) -> Facts:
        return self.picks.law(self.picks.one_of(*scales), is_tied=self.is_tied)

    def crew(self) -> tuple[str, int]:
        """A crew or skill and how many people are asked of it."""
        name = self.picks.one_of(*self.crews)
        return name, self.picks.whole(1, self.crews[name]) if self.picks.chance(3) else 1

    def calendar(self) -> str:
        return self.picks.one_of(*self.calendars)


WISHES = {
    "shifts": 4, "failures": 5, "tasks": 5, "degradation": 2, "causes": 2, "spares": 3,
    "setups": 6, "operators": 3, "setup crews": 4, "startups": 4, "scrap": 5, "inspections": 3,
    "defects": 4, "branches": 3, "buffers": 6, "carriage": 2, "stocks": 3, "into": 3, "loads": 3,
    "sources": 3, "lots": 4, "spread": 4,
}  # fmt: skip
"""Chance of each group of features, in tenths."""


def random_plant(picks: Picks) -> Plant:
    """A plant whose references are good."""
    sketch = _sketch(picks)
    content: Facts = {
        "id": "random",
        "areas": [{"id": "a"}],
        "calendars": _calendars(sketch),
        "crews": _crews(sketch),
        "common_causes": _causes(sketch),
        "stocks": _stocks(sketch),
        "transports": _transports(sketch),
        "routes": _routes(sketch),
        "operations": _operations(sketch),
        "products": _products(sketch),
    }
    content["work_units"] = _units(sketch)
    content["sources"] = _sources(sketch)
    return Plant.model_validate(content)


def _sketch(picks: Picks) -> Sketch:
    is_tied = not picks.chance(5)
    wishes = {wish for wish, tenths in WISHES.items() if picks.chance(tenths)}
    return Sketch(picks, is_tied, wishes)


def _calendars(sketch: Sketch) -> list[Facts]:
    """Short shifts, so that a small horizon has many; everything starts on a Monday."""
    if not sketch.wants("shifts"):
        return []
    patterns = [
        ["00:00-01:00", "01:15-03:00", "04:00-24:00"],
        ["00:30-02:00", "02:00-02:15", "03:00-05:00", "05:01-24:00"],
        ["01:00-06:00", "06:30-22:00"],
        ["00:00-00:20", "00:30-00:50", "01:00-01:20", "01:30-01:50", "02:00-24:00"],
    ]
    found = []
    for name in ("early", "late")[: sketch.picks.whole(1, 2)]:
        windows = sketch.picks.one_of(*patterns)
        found.append({"id": name, "weekly": {"mon": windows, "tue": windows}})
        sketch.calendars.append(name)
    return found


def _crews(sketch: Sketch) -> list[Facts]:
    """Mostly of one person; two crews may share a skill."""
    found = []
    for name in CREWS[: sketch.picks.whole(1, 3)]:
        size = sketch.picks.one_of(1, 1, 2, 3)
        skills = sketch.picks.some_of(SKILLS)
        found.append({"id": name, "size": size, "skills": skills, "calendar": sketch.calendar()})
        for asked in (name, *skills):
            sketch.crews[asked] = max(size, sketch.crews.get(asked, 0))
    return found


def _causes(sketch: Sketch) -> list[Facts]:
    if not sketch.wants("causes"):
        return []
    sketch.causes = ["power", "air"][: sketch.picks.whole(1, 2)]
    return [
        {"id": id, "time_between": sketch.law(30, 45, 60, 12), "share": sketch.picks.one_of(1, 0.5)}
        for id in sketch.causes
    ]


def _stocks(sketch: Sketch) -> list[Facts]:
    """S1 and S2 are used and made; P is for spare parts."""
    picks = sketch.picks
    if sketch.wants("stocks") or sketch.wants("into"):
        sketch.stocks = ["S1", "S2"][: picks.whole(1, 2)]
    spares = ["P"] if sketch.wants("spares") else []
    found = []
    for id in (*sketch.stocks, *spares):
        stock: Facts = {"id": id, "on_hand": picks.one_of(0, 1, 2, 5, 20)}
        if picks.chance(7):
            stock["reorder_point"] = picks.one_of(0, -1, 1, 4)
            stock["order_quantity"] = picks.one_of(1, 2, 5, 30)
            stock["lead_time"] = sketch.law(6, 12, 30, 1)
        if sketch.wants("into") and picks.chance(4):
            stock["capacity"] = picks.one_of(4, 1, 10)
        found.append(stock)
    return found


def _transports(sketch: Sketch) -> list[Facts]:
    if not sketch.wants("carriage"):
        return []
    sketch.transports = ["belt", "fork"][: sketch.picks.whole(1, 2)]
    return [{"id": id, "vehicles": sketch.picks.one_of(1, 2)} for id in sketch.transports]


def _routes(sketch: Sketch) -> list[Facts]:
    """All operations, and perhaps a route that leaves some out."""
    picks = sketch.picks
    sketch.operations = [f"o{n}" for n in range(picks.whole(1, 4))]
    sketch.routes["all"] = sketch.operations
    if picks.chance(4):
        sketch.routes["few"] = picks.some_of(sketch.operations[:-1]) + sketch.operations[-1:]
    return [
        {"id": id, "operations": operations, "branches": _branches(sketch, operations)}
        for id, operations in sketch.routes.items()
    ]


def _branches(sketch: Sketch, operations: list[str]) -> list[Facts]:
    if not sketch.wants("branches"):
        return []
    picks = sketch.picks
    found = []
    for n, operation in enumerate(operations):
        if not picks.chance(5):
            continue
        following = operations[n + 1] if n + 1 < len(operations) else "end"
        shares = {following: 0.0}
        for target in ("scrap", "end", picks.one_of(*operations)):
            if picks.chance(5) and target not in shares:
                shares[target] = picks.one_of(0.125, 0.25)
        shares[following] = 1 - sum(shares.values())
        found.append({"after": operation, "to": dict(picks.shuffled(list(shares.items())))})
    return found


def _operations(sketch: Sketch) -> list[Facts]:
    picks = sketch.picks
    found = []
    for n, id in enumerate(sketch.operations):
        facts: Facts = {"id": id}
        if sketch.wants("buffers") and (n > 0 or picks.chance(3)):
            if picks.chance(7):
                facts["buffer_jobs"] = picks.one_of(1, 0, 2, 3)
            elif picks.chance(7):
                facts["buffer_kg"] = picks.one_of(20.0, 12.0, 60.0)
                if picks.chance(2):
                    facts["buffer_jobs"] = 2
        if sketch.transports and picks.chance(6):
            facts["carriage"] = {"by": picks.one_of(*sketch.transports), "time": picks.minutes()}
        if sketch.stocks and sketch.wants("stocks") and picks.chance(4):
            facts["uses"] = {id: picks.one_of(1, 2) for id in picks.shuffled(sketch.stocks)}
        found.append(facts)
    return found


def _products(sketch: Sketch) -> list[Facts]:
    picks = sketch.picks
    found = []
    for id in ("A", "B", "C")[: picks.whole(1, 3)]:
        facts: Facts = {
            "id": id,
            "family": picks.one_of("f", "g"),
            "route": picks.one_of(*sketch.routes),
            "piece_mass_g": picks.one_of(1000.0, 500.0, 333.0),
            "lot_size": picks.one_of(3, 1, 2, 4, 6),
            "attributes": {"heat": picks.one_of("high", "low")} if picks.chance(8) else {},
        }
        if sketch.wants("lots"):
            facts["moves_by"] = picks.one_of("order", "lot", "piece")
        if sketch.wants("into") and picks.chance(5):
            facts["into"] = picks.one_of(*sketch.stocks)
        sketch.products.append(id)
        sketch.families.append(facts["family"])
        sketch.heats.extend(facts["attributes"].values())
        found.append(facts)
    return found


def _units(sketch: Sketch) -> list[Facts]:
    """Every operation has a unit for all products; others may be for some."""
    picks = sketch.picks
    count = picks.whole(1, 6)
    duties: list[list[tuple[str, bool]]] = [[] for _ in range(count)]
    for n, operation in enumerate(sketch.operations):
        duties[n % count].append((operation, True))
    for own in duties:
        others = [o for o in sketch.operations if o not in [known for known, _ in own]]
        if others and (not own or picks.chance(2)):
            own.append((picks.one_of(*others), False))
        elif not own:
            own.append((sketch.operations[0], False))
    return [_unit(sketch, f"u{m}", own) for m, own in enumerate(duties)]


def _unit(sketch: Sketch, id: str, duties: list[tuple[str, bool]]) -> Facts:
    picks = sketch.picks
    unit: Facts = {
        "id": id,
        "area": "a",
        "calendar": sketch.calendar(),
        "processing": [_row(sketch, operation, is_for_all) for operation, is_for_all in duties],
        "power_kw": _power(picks),
        "standby_timeout": picks.one_of(30.0, 0.0, 4.0, 12.0),
    }
    if sketch.wants("startups") and picks.chance(6):
        unit["startup_time"] = picks.one_of(4.0, 1.0, 12.0, 30.0)
    if sketch.wants("setups") and picks.chance(8):
        unit["setup"] = _setup(sketch)
    if sketch.wants("scrap") and picks.chance(6):
        unit["scrap"] = {picks.one_of("*", *sketch.products): picks.one_of(0.1, 0.25, 0.5)}
        reasons = {"lap": 2.0, "crack": 1.0, "burr": 1.0}
        unit["scrap_reasons"] = reasons if picks.chance(7) else {}
        unit["inspects"] = picks.chance(3)
    if sketch.wants("defects") and picks.chance(6):
        unit["defects"] = {"*": picks.one_of(0.25, 0.1, 0.5)}
    if sketch.wants("inspections") and picks.chance(5):
        unit["inspection"] = _inspection(sketch, [operation for operation, _ in duties])
    unit["failure_modes"] = _modes(sketch)
    unit["maintenance"] = _tasks(sketch, unit["failure_modes"])
    _let_failures_be_found(picks, unit)
    return unit


def _let_failures_be_found(picks: Picks, unit: Facts) -> None:
    """A unit whose failure nobody ever finds stands for good, which few plants should do."""
    finders = [t for t in unit["maintenance"] if t["due_by"] in ("calendar", "condition")]
    for mode in unit["failure_modes"]:
        if not finders and not picks.chance(1):
            mode["detected"] = "at_once"


def _row(sketch: Sketch, operation: str, is_for_all: bool) -> Facts:
    picks = sketch.picks
    basis = picks.one_of("order", "piece", "piece", "kg", "load")
    keys = ["*"] if is_for_all else [picks.one_of("*", *sketch.products, *sketch.families)]
    if picks.chance(3):
        keys.append(picks.one_of(*sketch.products))
    longest = 12.0 if basis in ("order", "load") else 3.0
    time = {key: picks.minutes(up_to=longest) for key in keys}
    if not sketch.wants("sources") and picks.chance(1):  # parts without end would take no time
        time[keys[0]] = 0.0
    row: Facts = {"operation": operation, "basis": basis, "time": time, "cv": 0.0}
    if basis == "load":
        row["load_kg"] = picks.one_of(4.0, 1.0, 2.5)
    if picks.chance(2):
        row["transit"] = picks.minutes()
    if not sketch.is_tied:
        row["cv"] = picks.one_of(0.2, 0.0, 0.05, 1.0)
    if sketch.wants("spread") and not sketch.is_tied:
        row["spread"] = picks.one_of("lognormal", "gamma", "exponential")
    if sketch.wants("loads") and picks.chance(5):
        row["load"] = _load(picks)
    if sketch.wants("operators") and picks.chance(6):
        row["operators"], row["people"] = sketch.crew()
    return row


def _load(picks: Picks) -> Facts:
    load: Facts = {"max_jobs": picks.one_of(2, 1, 3, 4)}
    load["min_jobs"] = picks.whole(1, load["max_jobs"])
    if picks.chance(7):
        load["longest_wait"] = picks.minutes()
    return load


def _power(picks: Picks) -> Facts:
    power: Facts = {
        "off": picks.one_of(0.0, 0.3),
        "standby": picks.one_of(1.0, 7.7),
        "startup": 11.0,
        "setup": 3.1,
        "working": picks.one_of(10.0, 0.7),
    }
    for state in picks.some_of(("blocked", "down", "maintenance")):
        power[state] = 2.3
    return power


def _setup(sketch: Sketch) -> Facts:
    picks = sketch.picks
    by = picks.one_of("product", "family", "heat")
    keys = {"product": ("A", "B"), "family": ("f", "g"), "heat": ("high", "low")}[by]
    setup: Facts = {"by": by, "default": picks.one_of(3.0, 1.0, 6.0, 0.0), "cv": 0.0}
    if picks.chance(5):
        minutes = picks.one_of(6.0, 0.0, 2.0)
        if {*keys} <= {*sketch.products, *sketch.families, *sketch.heats}:
            setup["times"] = {keys[0]: {keys[1]: minutes}}
    if not sketch.is_tied:
        setup["cv"] = picks.one_of(0.1, 0.5, 0.0)
    if sketch.wants("setup crews") and picks.chance(6):
        setup["crew"] = sketch.crew()[0]
    return setup


def _inspection(sketch: Sketch, operations: list[str]) -> Facts:
    picks = sketch.picks
    inspection: Facts = {
        "sensitivity": picks.one_of(1.0, 0.8, 0.0),
        "specificity": picks.one_of(1.0, 0.9),
        "passes": picks.one_of(3, 1, 2),
    }
    last = min(sketch.operations.index(operation) for operation in operations)
    earlier = [
        o
        for o in sketch.operations[: last + 1]
        if all(o in operations for operations in sketch.routes.values())
    ]
    if earlier and picks.chance(6):
        inspection["rework_to"] = picks.one_of(*earlier)
    return inspection


def _modes(sketch: Sketch) -> list[Facts]:
    picks = sketch.picks
    kinds = ["life"] * (picks.whole(0, 2) if sketch.wants("failures") else 0)
    if sketch.wants("degradation") and picks.chance(5):
        kinds.append("wear")
    if sketch.causes and picks.chance(6):
        kinds.append("cause")
    return [_mode(sketch, f"m{n}", kind) for n, kind in enumerate(picks.shuffled(kinds))]


def _mode(sketch: Sketch, id: str, kind: str) -> Facts:
    picks = sketch.picks
    mode: Facts = {
        "id": id,
        "clock": picks.one_of("operating", "calendar", *(["count"] if kind != "wear" else [])),
        "interrupted": picks.one_of("resume", "finish_first", "scrap", "restart"),
        "detected": "at_inspection" if picks.chance(3) else "at_once",
        "time_to_repair": sketch.law(6, 3, 12, 1, 30),
    }
    if kind == "life":
        mode["time_to_failure"] = sketch.law(20, 12, 30, 8, 60)
        if mode["clock"] == "count":
            mode["time_to_failure"] = sketch.law(3, 1, 8)
    elif kind == "wear":
        mode["degradation"] = _degradation(sketch)
    else:
        mode["common_cause"] = picks.one_of(*sketch.causes)
    if kind != "wear":
        mode["repair_effect"] = picks.one_of("new", "old", "partial", "chance")
        mode["restores"] = picks.one_of(0.5, 1.0, 0.0)
    if picks.chance(6):
        mode["crew"], mode["people"] = sketch.crew()
    if sketch.wants("spares") and picks.chance(6):
        mode["spare"] = picks.one_of("P", *sketch.stocks)
    return mode


def _degradation(sketch: Sketch) -> Facts:
    picks = sketch.picks
    process = picks.one_of("gamma", "wiener")
    return {
        "process": process,
        "rate": picks.one_of(2.0, 6.0),
        "scale": picks.one_of(1.0, 0.5),
        "limit": picks.one_of(3.0, 1.5, 6.0),
        "step": picks.one_of(8.0, 2.0, 15.0, 60.0),
    }


def _tasks(sketch: Sketch, modes: list[Facts]) -> list[Facts]:
    if not sketch.wants("tasks"):
        return []
    picks = sketch.picks
    return [_task(sketch, f"t{n}", modes) for n in range(picks.whole(0, 2))] + [
        _condition_task(sketch, mode, [m["id"] for m in modes])
        for mode in modes
        if "degradation" in mode and picks.chance(7)
    ]


def _task(sketch: Sketch, id: str, modes: list[Facts]) -> Facts:
    picks = sketch.picks
    renewable = [m["id"] for m in modes if "common_cause" not in m]
    renews = picks.some_of([m["id"] for m in modes])
    due_by = picks.one_of("calendar", "operating", "count", "age")
    if due_by == "age":
        if not renewable:
            due_by = "calendar"
        else:
            first = picks.one_of(*renewable)
            renews = [first, *(id for id in renews if id != first)]
    scales = (3.0, 1.0, 8.0) if due_by == "count" else (20.0, 8.0, 12.0, 45.0)
    interval = picks.one_of(*scales)
    crew, people = sketch.crew()
    return {
        "id": id,
        "interval": interval,
        "due_by": due_by,
        "opportunity": interval * picks.one_of(0.0, 0.0, 0.0, 0.25, 0.25, 0.5, 0.5, 0.5, 0.75, 1.0),
        "tolerance": picks.one_of(30.0, 0.0),
        "duration": picks.minutes(up_to=6.0),
        "crew": crew,
        "people": people,
        "renews": renews,
    }


def _condition_task(sketch: Sketch, mode: Facts, modes: list[str]) -> Facts:
    picks = sketch.picks
    crew, people = sketch.crew()
    level = picks.one_of(mode["degradation"]["limit"] / 2, 0.0, float("inf"))
    return {
        "id": f"c-{mode['id']}",
        "interval": picks.one_of(12.0, 6.0, 20.0),
        "due_by": "condition",
        "condition": {"mode": mode["id"], "level": level},
        "opportunity": picks.one_of(0.0, 3.0),
        "tolerance": 30.0,
        "duration": picks.minutes(up_to=6.0),
        "crew": crew,
        "people": people,
        "renews": [mode["id"]] if picks.chance(8) else picks.some_of(modes),
    }


def _sources(sketch: Sketch) -> list[Facts]:
    if not sketch.wants("sources"):
        return []
    picks = sketch.picks
    found = []
    for id in ("in", "by")[: picks.whole(1, 2)]:
        source: Facts = {
            "id": id,
            "product": picks.one_of(*sketch.products),
            "start": picks.one_of(0.0, 6.0, 30.0),
            "quantity": picks.one_of(1, 3),
            "due_after": picks.one_of(60.0, 0.0),
        }
        if picks.chance(6):
            source["time_between"] = sketch.law(6, 3, 2, 12)
        if picks.chance(3):
            source["limit"] = picks.one_of(5, 1, 12)
        found.append(source)
    return found
