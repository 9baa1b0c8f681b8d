"""Sums over a replication: what :class:`~twin.simulation.result.Totals` is made from."""

from __future__ import annotations

import numpy as np

from twin.model.horizon import Array
from twin.model.plant import STATES
from twin.simulation.clock import TICKS_PER_MINUTE, duration, to_tick
from twin.simulation.experiment import Experiment
from twin.simulation.result import Integers, Totals

TICKS_PER_HOUR = 60.0 * TICKS_PER_MINUTE


class Level:
    """A number that changes over time, and its integral."""

    __slots__ = ("_area", "_since", "value")

    def __init__(self, value: int = 0) -> None:
        self.value = value
        self._area = 0
        self._since = 0

    def change(self, by: int, now: int) -> None:
        self._area += self.value * (now - self._since)
        self._since = now
        self.value += by

    def restart(self, now: int) -> None:
        """Integrate from now on."""
        self._area, self._since = 0, now

    def area(self, now: int) -> int:
        return self._area + self.value * (now - self._since)


class Profile:
    """A rate per kWh, constant in each slot, and its integral over time."""

    def __init__(self, rates: Array, slot_minutes: int) -> None:
        self._slot = slot_minutes * TICKS_PER_MINUTE
        self._rates: list[float] = rates.tolist()
        self._before = [0.0]
        for rate in self._rates:
            self._before.append(self._before[-1] + rate * (self._slot / TICKS_PER_HOUR))

    def until(self, tick: int) -> float:
        """Integral from the start of the horizon [per kWh · h]."""
        i = min(tick // self._slot, len(self._rates) - 1)
        return self._before[i] + self._rates[i] * ((tick - i * self._slot) / TICKS_PER_HOUR)


class Meter:
    """Time and energy of one work unit by state."""

    def __init__(self, power_kw: Array, profiles: tuple[Profile, Profile] | None) -> None:
        self._power_kw: list[float] = power_kw.tolist()
        self._profiles = profiles
        self._state = -1
        self.is_open = False
        self.restart(0)

    def restart(self, now: int) -> None:
        """Count from now on."""
        self.ticks = [0] * len(STATES)
        self._shut_ticks = [0] * len(STATES)
        """Of these, while the shift of the unit was closed."""
        self.kwh = self.cost = self.carbon_kg = 0.0
        self._since = self._shut_since = now

    def enter(self, state: int, now: int) -> None:
        """A state is logged; what came before it is counted."""
        before, self._state = self._state, state
        if before < 0:
            return
        since, self._since = self._since, now
        ticks = now - since
        self.ticks[before] += ticks
        if not self.is_open:
            self._count_shut(before, now)
        power = self._power_kw[before]
        self.kwh += power * (ticks / TICKS_PER_HOUR)
        if self._profiles is not None:
            price, carbon = self._profiles
            self.cost += power * (price.until(now) - price.until(since))
            self.carbon_kg += power * (carbon.until(now) - carbon.until(since))

    def count(self, now: int) -> None:
        """Count the present state up to now."""
        self.enter(self._state, now)

    def shift_turns(self, is_open: bool, now: int) -> None:
        if not self.is_open and self._state >= 0:
            self._count_shut(self._state, now)
        self._shut_since = now
        self.is_open = is_open

    @property
    def open_ticks(self) -> list[int]:
        """Time by state while the shift was open, as far as it is counted."""
        return [ticks - shut for ticks, shut in zip(self.ticks, self._shut_ticks, strict=True)]

    def _count_shut(self, state: int, now: int) -> None:
        self._shut_ticks[state] += now - self._shut_since
        self._shut_since = now


class Tally:
    """All sums of one replication."""

    def __init__(self, experiment: Experiment) -> None:
        compiled = experiment.plant
        plant, forecast = compiled.plant, experiment.forecast
        profiles = None
        if forecast is not None:
            slot = forecast.horizon.slot_minutes
            profiles = (
                Profile(forecast.price_per_kwh, slot),
                Profile(forecast.carbon_intensity, slot),
            )
        self.meters = [Meter(power, profiles) for power in compiled.power_kw]
        orders = len(experiment.orders)
        self.order_complete = [-1] * orders
        self.order_good = [0] * orders
        self.order_scrap = [0] * orders
        end = to_tick(compiled.horizon.minutes)
        self._bucket = end if experiment.bucket is None else duration(experiment.bucket)
        self.series = [0] * -(-end // self._bucket)
        self.inside = [Level() for _ in plant.products]
        self.places = [Level() for _ in plant.operations]
        self.busy = [Level() for _ in plant.crews]
        self.driving = [Level() for _ in plant.transports]
        self.on_hand = [Level(stock.on_hand) for stock in plant.stocks]
        self.owed = [Level() for _ in plant.stocks]
        self._modes = [len(unit.failure_modes) for unit in plant.work_units]
        self._tasks = [len(unit.maintenance) for unit in plant.work_units]
        self._start()

    def restart(self, now: int) -> None:
        """The warm-up is over: forget what was counted."""
        for meter in self.meters:
            meter.restart(now)
        for level in self._levels():
            level.restart(now)
        self._start()

    def completed_pieces(self, product: int, good: int, now: int) -> None:
        self.completed[product] += good
        self.series[now // self._bucket] += good

    def scrap(self, product: int, order: int, pieces: int) -> None:
        """Pieces are scrapped; ``order`` beyond the order book is a source."""
        self.scrapped[product] += pieces
        if order < len(self.order_scrap):
            self.order_scrap[order] += pieces

    def totals(self, now: int) -> Totals:
        """What was counted up to now."""
        for meter in self.meters:
            meter.count(now)
        return Totals(
            state_ticks=_table([meter.ticks for meter in self.meters]),
            energy_kwh=np.array([meter.kwh for meter in self.meters]),
            energy_cost=np.array([meter.cost for meter in self.meters]),
            carbon_kg=np.array([meter.carbon_kg for meter in self.meters]),
            order_complete=_integers(self.order_complete),
            order_good=_integers(self.order_good),
            order_scrap=_integers(self.order_scrap),
            released=_integers(self.released),
            completed=_integers(self.completed),
            scrapped=_integers(self.scrapped),
            completed_jobs=_integers(self.completed_jobs),
            flow_ticks=_integers(self.flow_ticks),
            inside_area=_areas(self.inside, now),
            buffer_area=_areas(self.places, now),
            wait_ticks=_integers(self.wait_ticks),
            taken=_integers(self.taken),
            crew_ticks=_areas(self.busy, now),
            vehicle_ticks=_areas(self.driving, now),
            failures=_integers([n for unit in self.failures for n in unit]),
            executions=_integers([n for unit in self.executions for n in unit]),
            inspections=_integers([n for unit in self.inspections for n in unit]),
            stock_area=_areas(self.on_hand, now),
            owed_area=_areas(self.owed, now),
            demands=_integers(self.demands),
            filled=_integers(self.filled),
            series=_integers(self.series),
            open_ticks=_table([meter.open_ticks for meter in self.meters]),
            unit_good=_integers(self.unit_good),
            unit_scrap=_integers(self.unit_scrap),
            planned_minutes=np.array(self.planned_minutes),
        )

    def _start(self) -> None:
        products, operations, stocks = len(self.inside), len(self.places), len(self.on_hand)
        units = len(self.meters)
        self.released, self.completed = [0] * products, [0] * products
        self.scrapped, self.completed_jobs = [0] * products, [0] * products
        self.flow_ticks = [0] * products
        self.wait_ticks, self.taken = [0] * operations, [0] * operations
        self.demands, self.filled = [0] * stocks, [0] * stocks
        self.failures = [[0] * n for n in self._modes]
        self.executions = [[0] * n for n in self._tasks]
        self.inspections = [[0] * n for n in self._tasks]
        self.unit_good, self.unit_scrap = [0] * units, [0] * units
        self.planned_minutes = [0.0] * units

    def _levels(self) -> list[Level]:
        return [
            *self.inside, *self.places, *self.busy, *self.driving, *self.on_hand, *self.owed
        ]  # fmt: skip


def _integers(values: list[int]) -> Integers:
    return np.array(values, dtype=np.int64)


def _table(rows: list[list[int]]) -> Integers:
    return np.array(rows, dtype=np.int64).reshape(-1, len(STATES))


def _areas(levels: list[Level], now: int) -> Integers:
    return _integers([level.area(now) for level in levels])
