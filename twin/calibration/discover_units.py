"""The work units of a discovered plant, with neutral values that calibration then refines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from twin.calibration.activity import Activity, UnitActivity, minutes_since
from twin.calibration.discover_crews import FoundCrew, crew_jobs, crews_of
from twin.calibration.discover_jobs import Flow
from twin.calibration.discover_network import Network
from twin.calibration.discover_setups import (
    Families,
    SetupKeys,
    UnitSetups,
    guess_families,
    setup_keys,
    setups_of_unit,
)
from twin.calibration.discover_shifts import crew_calendar, horizon_of, shifts_of
from twin.calibration.discover_times import FoundTimes, load_kg, unseen_minutes
from twin.calibration.discover_upkeep import alike_modes, modes_of, tasks_of
from twin.calibration.meters import LEAST_READINGS, read_meter
from twin.calibration.plant_text import Note
from twin.calibration.power import FIELDS, fit_power, hours_of
from twin.model.failures import FailureMode, MaintenanceTask
from twin.model.horizon import Array
from twin.model.network import Load
from twin.model.plant import (
    Crew,
    Plant,
    PowerByState,
    Processing,
    SetupTable,
    WorkUnit,
)
from twin.model.shifts import ALWAYS_ON, Calendar

NEUTRAL_CV = 0.1
NEVER_OFF = 1440.0
"""Standby timeout of a unit that never switched off in open time [min]."""
USUAL_TIMEOUT = 30.0
"""What a plant file takes for granted."""
LEAST_STAYS = 5
ALIKE = 0.1
"""Stays in standby before switching off that differ by less than this share have one cause."""
UNNEEDED = 0.5
"""Share of the changes between two products made without a setup, from which none is needed."""


@dataclass(frozen=True)
class Units:
    """Work units and what they share."""

    parts: tuple[WorkUnit, ...]
    calendars: tuple[Calendar, ...]
    crews: tuple[Crew, ...]
    families: Mapping[str, str]
    attributes: Mapping[str, Mapping[str, str]]
    mass_g: Mapping[str, float]
    notes: tuple[Note, ...]
    unneeded: Mapping[str, frozenset[tuple[str, str]]]
    """Changes of product that need no setup, by work unit whose setups go by product."""

    def corrected(self, plant: Plant) -> Plant:
        """The calibrated plant with the setups left out that were mostly left out."""
        units = [_without_setups(u, self.unneeded.get(u.id, frozenset())) for u in plant.work_units]
        return plant.model_copy(update={"work_units": units})


def units_of(
    activity: Activity,
    flow: Flow,
    network: Network,
    working_kw: float | None,
    standby_kw: float | None,
) -> Units:
    """Every unit that does an operation, its crew, calendar, setups, upkeep and power."""
    return _Reader(activity, flow, network).units(working_kw, standby_kw)


class _Reader:
    """What the units of one log have in common, worked out once."""

    def __init__(self, activity: Activity, flow: Flow, network: Network) -> None:
        self.activity, self.flow, self.network = activity, flow, network
        self.names = sorted({unit for unit, _ in network.rows})
        self.states = {u: activity.units[u] for u in self.names if u in activity.units}
        self.lots = dict(iter(flow.lots.groupby("work_unit")))
        ends = activity.log.of_kind("end")
        at = minutes_since(activity.begin, ends["time"])
        by_unit = ends.assign(at=at).sort_values("at").groupby("work_unit")
        self.ends = {str(u): rows for u, rows in by_unit}
        self.notes: list[Note] = []
        self.shifts = shifts_of(activity, self.names)
        self.crew_of, self.crews = self._crews()
        self.setups = self._setups()
        self.keys = self._keys()
        self.families = self._families()

    def units(self, working_kw: float | None, standby_kw: float | None) -> Units:
        plain = [self._unit(u, working_kw, standby_kw) for u in self.names]
        ends = {u: rows["at"].to_numpy(float) for u, rows in self.ends.items()}
        parts = tuple(alike_modes(plain, self.states, ends))
        calendars = tuple(f.calendar for f in self.shifts.calendars.values())
        for f in self.shifts.calendars.values():
            text = f"busy on {f.days} days; {f.inside:.1%} of the work and setups lie inside"
            self.notes.append(Note(f"calendars.{f.calendar.id}", text))
        for unit in sorted(self.shifts.own):
            text = "too few days to tell its hours: those of most others"
            self.notes.append(Note(f"work_units.{unit}", text))
        unneeded = {
            u: frozenset(p for p, share in s.skipped.items() if share > UNNEEDED)
            for u, s in self.setups.items() if self.keys.by[u] == "product"
        }  # fmt: skip
        return Units(
            parts, calendars, self.crews, self.families.of, self.keys.attributes,
            self.network.mass_g, tuple(self.notes), unneeded,
        )  # fmt: skip

    # --- shared things ---

    def _crews(self) -> tuple[dict[str, str], tuple[Crew, ...]]:
        """Crew by reason, and the crews."""
        jobs = crew_jobs(self.states)
        tasks = {j for s in self.states.values() for j in s.reasons[s.states.eq("maintenance")]}
        found: list[FoundCrew] = crews_of(jobs, tasks)
        crews: list[Crew] = []
        of_kind: dict[str, str] = {}
        for n, crew in enumerate(found):
            id = f"crew-{n + 1}"
            calendar, why = crew_calendar(crew, self.shifts, self.activity)
            crews.append(Crew(id=id, size=crew.size, calendar=calendar))
            of_kind |= dict.fromkeys(crew.kinds, id)
            if crew.is_guess:
                of_kind |= dict.fromkeys(crew.kinds - tasks, "")
            kinds = ", ".join(sorted(crew.kinds))
            self.notes.append(Note(f"crews.{id}", f"{kinds}: {crew.note}; {why}"))
        return {kind: id for kind, id in of_kind.items() if id}, tuple(crews)

    def _setups(self) -> dict[str, UnitSetups]:
        found = {
            u: setups_of_unit(states, self.lots[u])
            for u, states in self.states.items() if u in self.lots
        }  # fmt: skip
        return {u: s for u, s in found.items() if s is not None and not s.minutes.empty}

    def _keys(self) -> SetupKeys:
        main = {str(u): str(rows["operation"].mode().iloc[0]) for u, rows in self.lots.items()}
        return setup_keys(self.setups, main, list(self.network.routes))

    def _families(self) -> Families:
        """By the keys of the setups, by how long they take, or each product its own."""
        if self.keys.families:
            return Families(self.keys.families, "what units are set up for")
        by_product = [s for u, s in self.setups.items() if self.keys.by[u] == "product"]
        found = guess_families(by_product, list(self.network.routes), self.keys.attributes)
        for p in self.network.routes:
            self.notes.append(Note(f"products.{p}.family", found.note))
        return found

    # --- one unit ---

    def _unit(self, unit: str, working_kw: float | None, standby_kw: float | None) -> WorkUnit:
        states = self.states.get(unit)
        lots = self.lots[unit]
        rows = [self._processing(unit, o) for u, o in self.network.rows if u == unit]
        counts = Counter(lots["operation"])
        rows.sort(key=lambda row: (-counts[row.operation], row.operation))
        modes, tasks = self._upkeep(unit, states)
        scrap, reasons = self._scrap(unit)
        verdicts = self.activity.log.of_kind("verdict")
        mine = verdicts[(verdicts["work_unit"] == unit)]
        if len(mine) and (mine["lot"] == "").any():
            text = f"{len(mine)} verdicts on whole orders; its inspection is left out"
            self.notes.append(Note(f"work_units.{unit}", text))
        return WorkUnit(
            id=unit,
            area=rows[0].operation,
            calendar=self.shifts.of_unit.get(unit, ALWAYS_ON.id),
            processing=rows,
            setup=self._setup(unit),
            power_kw=self._power(unit, states, working_kw, standby_kw),
            startup_time=self._startup(unit, states),
            standby_timeout=self._timeout(unit, states),
            scrap=scrap,
            scrap_reasons=reasons,
            inspects=bool(len(mine)) and bool((mine["lot"] != "").all()),
            failure_modes=modes,
            maintenance=tasks,
        )

    def _processing(self, unit: str, operation: str) -> Processing:
        row = self.network.rows[unit, operation]
        others: dict[str, FoundTimes] = {
            u: r for (u, o), r in self.network.rows.items()
            if o == operation and r.basis == row.basis
        }  # fmt: skip
        times = {}
        for p in sorted(self.network.able[unit, operation]):
            minutes = row.minutes.get(p)
            if minutes is None:
                minutes = unseen_minutes(unit, p, others)
                if minutes is not None:
                    place = f"work_units.{unit}.processing.{operation}.time.{p}"
                    text = "never made here, perhaps by chance: as on other units; a guess"
                    self.notes.append(Note(place, text))
            if minutes is not None:
                times[p] = float(f"{minutes:.4g}")
        return Processing(
            operation=operation,
            basis=row.basis,
            time=times,
            load_kg=load_kg(row, self.network.mass_g) if row.basis == "load" else None,
            transit=float(f"{row.transit:.4g}"),
            cv=NEUTRAL_CV,
            load=Load(max_jobs=row.max_jobs) if row.max_jobs > 1 else None,
        )

    def _setup(self, unit: str) -> SetupTable | None:
        setups = self.setups.get(unit)
        if setups is None:
            return None
        median = float(f"{setups.median:.4g}")
        n = len(setups.minutes)
        place = f"work_units.{unit}.setup"
        self.notes.append(Note(place, f"{n} setups in all; default: of pairs never seen"))
        return SetupTable(by=self.keys.by[unit], default=median)

    def _upkeep(
        self, unit: str, states: UnitActivity | None
    ) -> tuple[list[FailureMode], list[MaintenanceTask]]:
        if states is None:
            return [], []
        ends = self.ends.get(unit, pd.DataFrame({"at": [], "quantity": [], "scrap": []}))
        modes = []
        for found in modes_of(unit, states, ends, self.crew_of):
            modes.append(found.mode)
            text = f"{found.failures} failures; clock {found.mode.clock}"
            text += f"; {found.note}" if found.note else ""
            self.notes.append(Note(f"work_units.{unit}.failure_modes.{found.mode.id}", text))
        tasks = []
        lots = ends["at"].to_numpy(float)
        for task in tasks_of(unit, states, modes, lots, self.crew_of):
            tasks.append(task.task)
            for field, text in task.notes.items():
                place = f"work_units.{unit}.maintenance.{task.task.id}"
                has_field = field != "renews" or task.task.renews
                self.notes.append(Note(f"{place}.{field}" if has_field else place, text))
        return modes, tasks

    def _startup(self, unit: str, states: UnitActivity | None) -> float:
        """Usual length of a warm-up [min]."""
        if states is None:
            return 0.0
        warming = states.states.eq("startup").to_numpy()[:-1]  # the last one may go on
        if not warming.any():
            return 0.0
        minutes = (states.ends - states.starts)[:-1][warming]
        self.notes.append(Note(f"work_units.{unit}.startup_time", f"median of {len(minutes)}"))
        return float(np.median(minutes))

    def _timeout(self, unit: str, states: UnitActivity | None) -> float:
        """How long it waits without work before it switches off [min]."""
        if states is None:
            return NEVER_OFF
        names, length = states.states.to_numpy(str), states.ends - states.starts
        waits = (names == "standby") & (states.orders.to_numpy(str) == "")
        ended = waits[:-1] & (names[1:] == "off") & self._in_open_time(unit, states.ends[:-1])
        stays = length[:-1][ended]
        if len(stays) < LEAST_STAYS:
            longest = float(length[waits].max()) if waits.any() else 0.0
            text = f"switched off on shift {len(stays)} times, waited up to {longest:.0f} min"
            guess = NEVER_OFF if longest > USUAL_TIMEOUT else USUAL_TIMEOUT
            self.notes.append(
                Note(f"work_units.{unit}", f"standby timeout {guess:g} min, a guess: {text}")
            )
            return guess
        low, middle, high = (float(v) for v in np.quantile(stays, [0.25, 0.5, 0.75]))
        sure = "sure" if high - low <= ALIKE * middle else "unsure: its waits differ"
        place = f"work_units.{unit}.standby_timeout"
        self.notes.append(Note(place, f"median of {len(stays)} waits before switching off; {sure}"))
        return float(f"{middle:.4g}")

    def _in_open_time(self, unit: str, at: Array) -> np.ndarray:
        found = self.shifts.calendars.get(self.shifts.of_unit.get(unit, ""))
        if found is None:
            return np.ones(len(at), dtype=bool)
        opening = found.calendar.open_time(horizon_of(self.activity))
        inside: np.ndarray = opening.minutes_before(at + 1) - opening.minutes_before(at - 1) > 1.5
        return inside

    def _scrap(self, unit: str) -> tuple[dict[str, float], dict[str, float]]:
        """Share by product made here, and how often each reason was given."""
        lots = self.lots[unit]
        scrap, pieces = float(lots["scrap"].sum()), float(lots["pieces"].sum())
        if scrap == 0 or pieces == 0:
            return {}, {}
        share = float(f"{min(scrap / pieces, 0.99):.3g}")
        ends = self.ends[unit]
        named = ends[(ends["scrap"] > 0) & (ends["reason"] != "")]
        modes = set(self.states[unit].reasons) if unit in self.states else set()
        counts = named.loc[~named["reason"].isin(modes), "reason"].value_counts()
        total = float(counts.sum())
        reasons = {str(reason): round(n / total, 3) for reason, n in counts.items()}
        place = f"work_units.{unit}.scrap_reasons"
        self.notes.append(Note(place, f"from {int(total)} lots with scrap"))
        made = sorted({p for (u, _), able in self.network.able.items() if u == unit for p in able})
        for p in sorted(set(made) - set(lots["product"])):
            text = "never made here: the share of all products; a guess"
            self.notes.append(Note(f"work_units.{unit}.scrap.{p}", text))
        return dict.fromkeys(made, share), reasons

    def _power(
        self, unit: str, states: UnitActivity | None, working: float | None, standby: float | None
    ) -> PowerByState:
        meters = self.activity.log.of_kind("meter")
        mine = meters[meters["work_unit"] == unit]
        found = None
        if states is not None and len(mine) > LEAST_READINGS:
            at = minutes_since(self.activity.begin, mine["time"])
            found = first_power(states, at, mine["quantity"].to_numpy(float))
        if found is not None:
            return found
        if working is None:
            text = "no meter: its power is 0 and its energy cannot be judged"
        else:
            text = (
                f"no meter: power is assumed, {working:g} kW working, {standby or 0:g} kW standby"
            )
        self.notes.append(Note(f"work_units.{unit}", text))
        rest = standby or 0.0
        return PowerByState(standby=rest, setup=rest, working=working or 0.0)


def first_power(states: UnitActivity, minutes: Array, kwh: Array) -> PowerByState | None:
    """Power by state from a meter alone; a state never visited draws as :class:`PowerByState` says.

    States hardly visited lean on standby (off leans on nothing).
    """
    hours, readings = hours_of(states, read_meter(minutes, kwh))
    if len(readings) < LEAST_READINGS:
        return None
    fields = list(FIELDS)
    seen = [i for i in range(len(fields)) if hours[:, i].sum() > 0]
    fit = fit_power(hours[:, seen], readings.kwh, np.zeros(len(seen)))
    kw = {fields[i]: float(f"{fit.kw[n]:.4g}") for n, i in enumerate(seen)}
    return PowerByState(**kw)


def _without_setups(unit: WorkUnit, pairs: frozenset[tuple[str, str]]) -> WorkUnit:
    if unit.setup is None or not pairs:
        return unit
    times = {before: dict(row) for before, row in unit.setup.times.items()}
    for before, after in pairs:
        times.setdefault(before, {})[after] = 0.0
    setup = unit.setup.model_copy(update={"times": times})
    return unit.model_copy(update={"setup": setup})
