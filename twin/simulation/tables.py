"""An experiment as numbers: everything the kernel reads, worked out once for all replications.

Names become indices, minutes become ticks, lists of lists become one list with the place where each
part begins (``mode_first[m]`` to ``mode_first[m + 1]`` are the failure modes of work unit m). The
codes are those of ``_kernel.py``. Arrays are ``array.array``: the kernel reads them as C numbers
when it is compiled and as Python's own when it is not.
"""

from __future__ import annotations

import math
from array import array

from twin.behaviour.dispatching import (
    ApparentTardinessCost,
    FirstInFirstOut,
)
from twin.behaviour.randomness import name_words
from twin.errors import NoriaError
from twin.model.failures import MaintenanceTask
from twin.model.laws import (
    Law,
)
from twin.model.plant import by_product
from twin.simulation.clock import duration, to_tick
from twin.simulation.experiment import Experiment
from twin.simulation.locks import units_can_follow_themselves
from twin.simulation.order_tables import OrderTables
from twin.simulation.plan_tables import PlanTables
from twin.simulation.table_codes import (
    BASES,
    CLOCKS,
    DUE_BY,
    EFFECTS,
    INTERRUPTED,
    RULES,
    bit_places,
    integers,
    joined,
    law_numbers,
    lot_pieces,
    mode_kind,
    open_ticks,
    reals,
    spread_numbers,
)


class Tables:
    """The arrays of an experiment, in the words of ``_kernel.py``; every field is an attribute."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.compiled = plant = experiment.plant
        self.plant = plant.plant
        self._streams: list[int] = []
        self._laws: list[Law] = []
        self._measure()
        self._people()
        self._units()
        self._modes()
        self._tasks()
        self._stages()
        self._rows()
        self._flow()
        self._stocks()
        self._sources()
        self.order_tables = OrderTables(self, experiment)
        for part in (self.order_tables, PlanTables(experiment)):
            self._take(part)
        self._energy()
        self._timers()
        self._finish_laws()
        self.streams = integers(self._streams)

    # --- names of luck, laws ---

    def _stream(self, entity: str, purpose: str) -> int:
        self._streams.extend(name_words(entity, purpose))
        return len(self._streams) // 2 - 1

    def _law(self, law: Law | None) -> int:
        if law is None:
            return -1
        self._laws.append(law)
        return len(self._laws) - 1

    def _finish_laws(self) -> None:
        table: list[float] = []
        kinds, a, b, first, count = [], [], [], [], []
        for law in self._laws:
            code, x, y, values, length = law_numbers(law)
            kinds.append(code)
            a.append(x)
            b.append(y)
            first.append(len(table))
            count.append(length)
            table += values
        self.law_kind, self.law_first, self.law_count = map(integers, (kinds, first, count))
        self.law_a, self.law_b, self.law_table = reals(a), reals(b), reals(table)

    # --- sizes and rules ---

    def _measure(self) -> None:
        experiment, plant = self.experiment, self.plant
        rule = experiment.policy
        if type(rule) not in RULES:
            raise NoriaError(
                f"kernel: it does not know the policy {type(rule).__name__}; use the SimPy "
                "reference, which asks it"
            )
        self.rule = RULES.index(type(rule))
        self.look_ahead = rule.look_ahead if isinstance(rule, ApparentTardinessCost) else 0.0
        self.end = to_tick(experiment.plant.horizon.minutes)
        self.warm_up = min(max(to_tick(experiment.warm_up), 0), self.end)
        bucket = experiment.bucket
        self.bucket = self.end if bucket is None else duration(bucket)
        self.buckets = -(-self.end // self.bucket)
        self.full_scan = int(experiment.full_scan)
        self.has_schedule = int(experiment.schedule is not None)
        self.has_forecast = int(experiment.forecast is not None)
        self.units, self.crews = len(plant.work_units), len(plant.crews)
        self.products, self.operations = len(plant.products), len(plant.operations)
        self.stocks, self.transports = len(plant.stocks), len(plant.transports)
        self.orders, self.sources = len(experiment.orders), len(plant.sources)
        self.unit_modes = [(m, f) for m, u in enumerate(plant.work_units) for f in u.failure_modes]
        self.unit_tasks = [(m, t) for m, u in enumerate(plant.work_units) for t in u.maintenance]
        self.modes, self.tasks = len(self.unit_modes), len(self.unit_tasks)
        self.has_tasks = int(self.tasks > 0)
        self.bit_index = integers(bit_places())

    # --- people ---

    def _people(self) -> None:
        crews = self.plant.crews
        self.crew_size = integers(crew.size for crew in crews)
        self._groups = {name: g for g, name in enumerate(self.compiled.crews_for)}
        self.group_first, self.group_crew = joined(self.compiled.crews_for.values())
        calendars = [self.compiled.crew_open[crew.id] for crew in crews]
        self.duty_first, self.duty_start, self.duty_end = open_ticks(calendars)

    def _group(self, name: str | None) -> int:
        return -1 if name is None else self._groups[name]

    # --- work units ---

    def _units(self) -> None:
        plant, units, state = self.compiled, self.plant.work_units, self.experiment.state
        self.unit_startup = integers(duration(u.startup_time) * (u.startup_time > 0) for u in units)
        self.unit_startup_minutes = reals(u.startup_time for u in units)
        self.unit_timeout = integers(to_tick(u.standby_timeout) for u in units)
        self.unit_power = reals(plant.power_kw.ravel().tolist())
        self.unit_inspects = integers(u.inspects for u in units)
        tests = [u.inspection for u in units]
        self.unit_tests = integers(t is not None for t in tests)
        self.unit_sensitivity = reals(t.sensitivity if t else 1.0 for t in tests)
        self.unit_specificity = reals(t.specificity if t else 1.0 for t in tests)
        self.unit_passes = integers(t.passes if t else 0 for t in tests)
        operations = [sorted({o for m, o, _ in plant.rows if m == i}) for i in range(len(units))]
        self.unit_operation_first, self.unit_operation = joined(operations)
        self.reason_first, _ = joined([0] * len(u.scrap_reasons) for u in units)
        self.reason_weight = reals(w for u in units for w in u.scrap_reasons.values())
        self.reason_total = reals(sum(u.scrap_reasons.values()) for u in units)
        self.shift_first, self.shift_start, self.shift_end = open_ticks(plant.unit_open)
        self.start_on = integers(state.unit(u.id).is_on for u in units)
        self.start_unavailable = integers(
            duration(minutes) if (minutes := state.unit(u.id).unavailable_minutes) > 0 else 0
            for u in units
        )
        self._setups()

    def _setups(self) -> None:
        """Setup keys, numbered by unit from 1 (0 is none), and minutes from key to key."""
        state, units = self.experiment.state, self.plant.work_units
        keys, widths, first, minutes, start = [], [], [], array("d"), []
        sigma, half, crews = [], [], []
        for unit, names in zip(units, self.compiled.setup_key, strict=True):
            now = state.unit(unit.id).setup_key
            numbers = {"": 0}
            for name in (*names, now):
                numbers.setdefault(name, len(numbers))
            keys += [numbers[name] for name in names]
            start.append(numbers[now])
            widths.append(len(numbers))
            first.append(len(minutes))
            table = unit.setup
            minutes.extend(
                table.time_between(a, b) if table else 0.0 for a in numbers for b in numbers
            )
            crews.append(self._group(table.crew if table else None))
            variance = math.log1p(table.cv * table.cv) if table else 0.0
            sigma.append(math.sqrt(variance))
            half.append(variance / 2)
        self.unit_key, self.start_key = integers(keys), integers(start)
        self.unit_key_width, self.unit_key_first = integers(widths), integers(first)
        self.setup_minutes, self.setup_group = minutes, integers(crews)
        self.setup_sigma, self.setup_half = reals(sigma), reals(half)

    # --- failures and preventive tasks ---

    def _modes(self) -> None:
        plant, state, modes = self.plant, self.experiment.state, self.unit_modes
        ids = [u.id for u in plant.work_units]
        wears = [f.degradation for _, f in modes]
        causes = {cause.id: c for c, cause in enumerate(plant.common_causes)}
        self.mode_first, _ = joined([0] * len(u.failure_modes) for u in plant.work_units)
        self.mode_unit = integers(m for m, _ in modes)
        self.mode_kind = integers(mode_kind(f) for _, f in modes)
        self.mode_clock = integers(CLOCKS.index(f.clock) for _, f in modes)
        self.mode_law = integers(self._law(f.time_to_failure) for _, f in modes)
        self.mode_interrupted = integers(INTERRUPTED.index(f.interrupted) for _, f in modes)
        waits = {m for m, f in modes if f.interrupted == "finish_first"}
        self.unit_finishes_first = integers(m in waits for m in range(self.units))
        self.mode_hidden = integers(f.detected == "at_inspection" for _, f in modes)
        self.mode_repair_law = integers(self._law(f.time_to_repair) for _, f in modes)
        self.mode_group = integers(self._group(f.crew) for _, f in modes)
        self.mode_people = integers(f.people for _, f in modes)
        self.mode_spare = integers(
            self.compiled.stock_index[f.spare] if f.spare else -1 for _, f in modes
        )
        self.mode_effect = integers(EFFECTS.index(f.repair_effect) for _, f in modes)
        self.mode_restores = reals(f.restores for _, f in modes)
        self.mode_rate = reals(w.rate if w else 0.0 for w in wears)
        self.mode_scale = reals(w.scale if w else 0.0 for w in wears)
        self.mode_limit = reals(w.limit if w else 0.0 for w in wears)
        self.mode_step = integers(duration(w.step) if w else 0 for w in wears)
        self.mode_step_hours = reals(w.step / 60 if w else 0.0 for w in wears)
        self.mode_age = reals(state.unit(ids[m]).ages.get(f.id, 0.0) for m, f in modes)
        self.mode_life_stream = self._mode_streams("life")
        self.mode_repair_stream = self._mode_streams("repair")
        self.mode_effect_stream = self._mode_streams("effect")
        self.mode_wear_stream = self._mode_streams("degradation")
        self.mode_strike_stream = integers(
            self._stream(f.common_cause or "", f"strikes {ids[m]}") for m, f in modes
        )
        self.worked_mode_first, self.worked_mode = self._modes_by("operating")
        self.counted_mode_first, self.counted_mode = self._modes_by("count")
        self.dated_mode_first, self.dated_mode = self._modes_by("calendar")
        self.cause_law = integers(self._law(c.time_between) for c in plant.common_causes)
        self.cause_share = reals(c.share for c in plant.common_causes)
        self.cause_stream = integers(
            self._stream(c.id, "time between") for c in plant.common_causes
        )
        self.cause_mode_first, self.cause_mode = joined(
            [f for f, (_, mode) in enumerate(modes) if mode.common_cause == id] for id in causes
        )

    def _mode_streams(self, purpose: str) -> array[int]:
        ids = self.compiled.unit_ids
        return integers(self._stream(ids[m], f"{purpose} of {f.id}") for m, f in self.unit_modes)

    def _modes_by(self, clock: str) -> tuple[array[int], array[int]]:
        """By unit, the modes that wear out on a clock by themselves."""
        found: list[list[int]] = [[] for _ in range(self.units)]
        for f, (m, mode) in enumerate(self.unit_modes):
            if mode.clock == clock and mode.common_cause is None:
                found[m].append(f)
        return joined(found)

    def _tasks(self) -> None:
        units, tasks = self.plant.work_units, self.unit_tasks
        ids = [unit.id for unit in units]
        self.task_first, _ = joined([0] * len(u.maintenance) for u in units)
        self.task_unit = integers(m for m, _ in tasks)
        self.task_due_by = integers(DUE_BY.index(t.due_by) for _, t in tasks)
        self.task_interval = integers(self._interval(m, t) for m, t in tasks)
        self.task_duration = integers(duration(t.duration) for _, t in tasks)
        self.task_opportunity = integers(self._opportunity(m, t) for m, t in tasks)
        self.task_group = integers(self._group(t.crew) for _, t in tasks)
        self.task_people = integers(t.people for _, t in tasks)
        self.task_mode = integers(self._observed_mode(m, t) for m, t in tasks)
        self.task_level = reals(t.condition.level if t.condition else 0.0 for _, t in tasks)
        self.task_start = integers(self._first_due(ids[m], t) for m, t in tasks)
        self.renews_first, self.renews = joined(
            sorted(self._mode_of(m, name) for name in set(t.renews)) for m, t in tasks
        )

    def _mode_of(self, m: int, name: str) -> int:
        modes = self.plant.work_units[m].failure_modes
        return self.mode_first[m] + next(i for i, mode in enumerate(modes) if mode.id == name)

    def _observed_mode(self, m: int, task: MaintenanceTask) -> int:
        """The mode whose age or level calls the task."""
        if task.condition is not None:
            return self._mode_of(m, task.condition.mode)
        return self._mode_of(m, task.renews[0]) if task.due_by == "age" else -1

    def _counts_lots(self, m: int, task: MaintenanceTask) -> bool:
        if task.due_by == "age":
            return bool(self.mode_clock[self._observed_mode(m, task)] == CLOCKS.index("count"))
        return task.due_by == "count"

    def _interval(self, m: int, task: MaintenanceTask) -> int:
        if self._counts_lots(m, task):
            return max(math.floor(task.interval + 0.5), 1)
        return duration(task.interval)

    def _opportunity(self, m: int, task: MaintenanceTask) -> int:
        if task.due_by == "condition" or task.opportunity <= 0:
            return 0
        if self._counts_lots(m, task):
            return math.floor(task.opportunity + 0.5)
        return duration(task.opportunity)

    def _first_due(self, unit: str, task: MaintenanceTask) -> int:
        last = self.experiment.state.unit(unit).last_maintenance.get(task.id)
        if last is None:
            return 0
        return to_tick(self.compiled.horizon.to_minutes(last)) + duration(task.interval)

    # --- routes and processing ---

    def _stages(self) -> None:
        """A stage is one step of the route of one product."""
        routes, branches = self.compiled.routes, self.compiled.branches
        self.stage_first, self.stage_operation = joined(routes)
        self.stage_product = integers(p for p, route in enumerate(routes) for _ in route)
        self.stage_step = integers(s for route in routes for s in range(len(route)))
        places = list(zip(self.stage_product, self.stage_step, strict=True))
        self.branch_first, self.branch_step = joined(
            [step for step, _ in branches.get(place, ())] for place in places
        )
        self.branch_reached = reals(
            reached for place in places for _, reached in branches.get(place, ())
        )
        reworks = any(u.inspection and u.inspection.rework_to for u in self.plant.work_units)
        longest = max(map(len, routes), default=0)
        self.visits_width = longest if reworks or branches else 0

    def _rows(self) -> None:
        plant = self.compiled
        self._row_number: dict[tuple[int, int, int], int] = {}
        keys, takers = [], []
        for o, p in zip(self.stage_operation, self.stage_product, strict=True):
            for m in plant.eligible.get((o, p), ()):
                keys.append((m, o, p))
            takers.append(plant.eligible.get((o, p), ()))
        self.taker_first, self.taker_unit = joined(takers)
        self.taker_row = integers(range(len(keys)))
        rows = [plant.rows[key] for key in keys]
        made = [self.plant.products[p] for _, _, p in keys]
        self.row_basis = integers(BASES.index(row.basis) for row in rows)
        self.row_minutes = reals(
            by_product(row.time, product) or 0.0 for row, product in zip(rows, made, strict=True)
        )
        self.row_lot = integers(
            lot_pieces(row, product.lot_size, product.piece_mass_g)
            for row, product in zip(rows, made, strict=True)
        )
        self.row_mass = reals(product.piece_mass_g for product in made)
        self.row_transit = reals(row.transit for row in rows)
        spreads = [spread_numbers(row) for row in rows]
        self.row_spread = integers(code for code, _, _ in spreads)
        self.row_sigma = reals(a for _, a, _ in spreads)
        self.row_half = reals(b for _, _, b in spreads)
        self.row_scrap = reals(float(plant.scrap[m, p]) for m, _, p in keys)
        units = [self.plant.work_units[m] for m, _, _ in keys]
        self.row_defects = reals(
            by_product(unit.defects, product) or 0.0
            for unit, product in zip(units, made, strict=True)
        )
        loads = [row.load for row in rows]
        self.row_max_jobs = integers(load.max_jobs if load else 0 for load in loads)
        self.row_min_jobs = integers(load.min_jobs if load else 0 for load in loads)
        self.row_longest_wait = integers(
            duration(load.longest_wait) if load and load.longest_wait else -1 for load in loads
        )
        self.row_group = integers(self._group(row.operators) for row in rows)
        self.row_people = integers(row.people for row in rows)
        self.row_rework = integers(
            plant.routes[p].index(plant.operation_index[unit.inspection.rework_to])
            if unit.inspection and unit.inspection.rework_to
            else -1
            for unit, (_, _, p) in zip(units, keys, strict=True)
        )
        loaded = {m for (m, _, _), load in zip(keys, loads, strict=True) if load}
        self.unit_loads = integers(m in loaded for m in range(self.units))

    # --- what ties units together ---

    def _flow(self) -> None:
        plant, operations = self.compiled, self.plant.operations
        rides = [o.carriage for o in operations]
        self.operation_places = integers(
            -1 if o.buffer_jobs is None else o.buffer_jobs for o in operations
        )
        self.operation_room = integers(
            -1 if o.buffer_kg is None else math.floor(o.buffer_kg * 1e6 + 0.5) for o in operations
        )
        self.operation_transport = integers(
            plant.transport_index[ride.by] if ride else -1 for ride in rides
        )
        self.operation_trip = integers(duration(ride.time) if ride else 0 for ride in rides)
        self.uses_first, self.uses_stock = joined([s for s, _ in uses] for uses in plant.uses)
        self.uses_pieces = integers(pieces for uses in plant.uses for _, pieces in uses)
        doers: list[set[int]] = [set() for _ in operations]
        for m, o, _ in plant.rows:
            doers[o].add(m)
        self.operation_unit_first, self.operation_unit = joined(sorted(units) for units in doers)
        vehicles = [0]
        for transport in self.plant.transports:
            vehicles.append(vehicles[-1] + transport.vehicles)
        self.vehicle_first = integers(vehicles)
        self.product_into = integers(
            -1 if p.into is None else plant.stock_index[p.into] for p in self.plant.products
        )
        self.product_mass = reals(p.piece_mass_g for p in self.plant.products)
        self.can_lock = int(units_can_follow_themselves(self.compiled))
        self.unit_queue = integers(self._own_queue(m) for m in range(self.units))
        self.unit_only_key = integers(self._only_key(m) for m in range(self.units))

    def _own_queue(self, m: int) -> int:
        """The operation whose queue a unit takes from its head on; -1 where it has to choose."""
        first, last = self.unit_operation_first[m], self.unit_operation_first[m + 1]
        has_choice = self.rule > RULES.index(FirstInFirstOut) or self.unit_loads[m]
        if last != first + 1 or self.has_schedule or has_choice:
            return -1
        o = self.unit_operation[first]
        stages = [s for s, operation in enumerate(self.stage_operation) if operation == o]
        is_alone = all(
            list(self.taker_unit[self.taker_first[s] : self.taker_first[s + 1]]) == [m]
            for s in stages
        )
        return o if is_alone and not self.compiled.uses[o] else -1

    def _only_key(self, m: int) -> int:
        """The one setup key of a unit that never chooses, waits for people or looks at tasks; -1.

        A unit that is set up for it has nothing to ask before it begins a job.
        """
        if self.unit_queue[m] < 0 or self.has_tasks:
            return -1
        o = self.unit_queue[m]
        mine = [s for s, operation in enumerate(self.stage_operation) if operation == o]
        keys = {self.unit_key[m * self.products + self.stage_product[s]] for s in mine}
        rows = [self.taker_row[self.taker_first[s]] for s in mine]
        if len(keys) != 1 or any(self.row_group[row] >= 0 for row in rows):
            return -1
        return keys.pop()

    def _stocks(self) -> None:
        stocks, uses = self.plant.stocks, self.compiled.uses
        self.stock_start = integers(s.on_hand for s in stocks)
        self.stock_capacity = integers(-1 if s.capacity is None else s.capacity for s in stocks)
        self.stock_point = integers(s.reorder_point or 0 for s in stocks)
        self.stock_quantity = integers(s.order_quantity for s in stocks)
        self.stock_law = integers(self._law(s.lead_time) for s in stocks)
        self.stock_stream = integers(self._stream(s.id, "lead time") for s in stocks)
        self.stock_user_first, self.stock_user = joined(
            [o for o, used in enumerate(uses) if any(stock == s for stock, _ in used)]
            for s in range(self.stocks)
        )

    def _sources(self) -> None:
        sources = self.plant.sources
        self.source_product = integers(self.compiled.product_index[s.product] for s in sources)
        self.source_law = integers(self._law(s.time_between) for s in sources)
        self.source_start = integers(to_tick(s.start) for s in sources)
        self.source_limit = integers(-1 if s.limit is None else s.limit for s in sources)
        self.source_quantity = integers(s.quantity for s in sources)
        self.source_due_after = integers(to_tick(s.due_after) for s in sources)
        self.source_stream = integers(self._stream(s.id, "time between") for s in sources)

    # --- orders and the plan ---

    def _take(self, part: OrderTables | PlanTables) -> None:
        """Another table's arrays become this one's."""
        for name, values in vars(part).items():
            if not name.startswith("_"):
                setattr(self, name, values)

    # --- energy ---

    def _energy(self) -> None:
        forecast = self.experiment.forecast
        horizon = forecast.horizon if forecast else self.compiled.horizon
        self.slot_ticks, self.slots = to_tick(horizon.slot_minutes), horizon.slots
        price = forecast.price_per_kwh.tolist() if forecast else []
        carbon = forecast.carbon_intensity.tolist() if forecast else []
        self.price, self.price_before = reals(price), self._prefix(price)
        self.carbon, self.carbon_before = reals(carbon), self._prefix(carbon)

    def _prefix(self, rate: list[float]) -> array[float]:
        """Integral of a rate before each slot, for one kilowatt."""
        before, hours = [0.0], self.slot_ticks / 3.6e9
        for value in rate:
            before.append(before[-1] + value * hours)
        return reals(before)

    # --- timers (section 2) ---

    def _timers(self) -> None:
        """A slot for everything that can happen by itself, in the order of the specification."""
        self._kinds: list[int] = []
        self._indices: list[int] = []
        units, crews = range(self.units), range(self.crews)
        has_overlay = [
            bool(unit.failure_modes or unit.maintenance) or self.start_unavailable[m] > 0
            for m, unit in enumerate(self.plant.work_units)
        ]
        dated = [self.dated_mode_first[m] < self.dated_mode_first[m + 1] for m in units]
        condition = DUE_BY.index("condition")
        self.shift_slot = self._slots(0, [not self._is_always_open(m) for m in units])
        self.duty_slot = self._slots(1, [True for _ in crews])
        self.activity_slot = len(self._kinds)
        self._slots(2, [True for _ in units])
        self.overlay_slot = self._slots(3, has_overlay)
        self.failure_slot = self._slots(4, dated)
        self.cause_slot = self._slots(5, [True for _ in self.cause_law])
        self.wake_slot = len(self._kinds)
        self._slots(6, [True for _ in units])
        self.condition_slot = self._slots(7, [by == condition for by in self.task_due_by])
        self.vehicle_slot = len(self._kinds)
        self._slots(8, [True for _ in range(self.vehicle_first[-1])])
        self.source_slot = self._slots(9, [True for _ in range(self.sources)])
        self.release_slot = len(self._kinds)
        self._slots(10, [True])
        self.delivery_slot = self._slots(11, [True for _ in range(self.stocks)])
        self.slot_kind, self.slot_index = integers(self._kinds), integers(self._indices)
        self.leaves = max(1 << (len(self._kinds) - 1).bit_length(), 2)

    def _slots(self, kind: int, wanted: list[bool]) -> array[int]:
        """The slots of one group, by index; -1 where none is needed."""
        slots = array("q")
        for index, is_wanted in enumerate(wanted):
            slots.append(len(self._kinds) if is_wanted else -1)
            if is_wanted:
                self._kinds.append(kind)
                self._indices.append(index)
        return slots

    def _is_always_open(self, m: int) -> bool:
        first, last = self.shift_first[m], self.shift_first[m + 1]
        is_one = last == first + 1
        return is_one and self.shift_start[first] <= 0 and self.shift_end[first] >= self.end
