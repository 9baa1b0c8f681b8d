"""Everything a nightly job reads, in memory and checked: log, plant, orders, prices, carbon."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from scenarios.settings import MesSource, ReplanConfig, SeriesSource
from twin.errors import Fault, InputError
from twin.model.events import EventLog
from twin.model.forecast import Forecast
from twin.model.horizon import Array, Horizon
from twin.model.orders import OrderBook
from twin.model.plant import Plant, load_plant
from twin.model.state import OrderState

if TYPE_CHECKING:
    from twin.calibration.diagnosis import Diagnosis


@dataclass(frozen=True)
class Inputs:
    """What was read, before anything is concluded from it."""

    plant: Plant
    """As described by engineers, or as discovered from the log."""
    log: EventLog
    """Raw. What it has after the cut-off is set aside, and counted, by the diagnosis."""
    orders: OrderBook
    forecast: Forecast
    cut_off: datetime
    order_states: dict[str, OrderState] | None
    """Progress of inferred orders; None when the orders come from the ERP."""
    notes: tuple[str, ...]
    """What was assumed or inferred, in words."""
    hashes: dict[str, str]
    """SHA-256 of every file read."""

    def diagnosed(self) -> Diagnosis:
        """The log judged against the plant, the order book and the mean price of energy."""
        from twin.calibration.diagnosis import diagnose

        price = float(self.forecast.price_per_kwh.mean())
        orders = self.orders if self.order_states is None else None
        return diagnose(
            self.log, self.plant, self.cut_off, orders=orders, price_per_kwh=price or None
        )


@dataclass(frozen=True)
class Expected:
    """Values that a series can have; others are a wrong unit or a wrong column."""

    unit: str
    least: float
    most: float
    remedy: str


CARBON = Expected("kgCO2e/kWh", 0.0, 3.0, "check the column; grams need factor: 0.001")
GENERATION = Expected("kW", 0.0, np.inf, "check the column; generation counts above 0")


def read_inputs(config: ReplanConfig) -> Inputs:
    """Read and check everything a job needs; nothing is written.

    Raises
    ------
    InputError
        For the first source that has faults, with all faults of that source.
    """
    log = read_log(config.mes)
    notes: tuple[str, ...] = ()
    order_states: dict[str, OrderState] | None = None
    if config.plant is not None:
        plant = load_plant(config.plant)
        cut_off = _in_zone(config.cut_off, plant)
    else:
        plant, cut_off, log, notes = _discovered(config, log)
    if config.orders is not None:
        from twin.connectors.erp_files import read_orders

        orders = read_orders(config.orders, plant)
    else:
        from twin.calibration.discover import open_orders

        assert config.discover is not None
        orders, order_states = open_orders(log, plant, cut_off, config.discover.same)
    horizon = Horizon(cut_off, config.horizon_days * 1440, plant.timezone)
    return Inputs(
        plant=plant,
        log=log,
        orders=orders,
        forecast=read_forecast(config, horizon),
        cut_off=cut_off,
        order_states=order_states,
        notes=notes,
        hashes={path.name: _sha256(path) for path in config.input_files()},
    )


def format_of(path: Path) -> Literal["noria", "job_shop"]:
    """The format of a log, told by the names of its columns."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            columns = file.readline()
    except OSError:
        return "noria"  # whose reader says what is wrong
    return "noria" if "work_unit" in columns else "job_shop"


def read_log(source: MesSource) -> EventLog:
    """The MES log in its own format."""
    if source.format == "job_shop":
        from twin.connectors import job_shop

        return job_shop.read_log(source.path, source.timezone)
    from twin.connectors import mes_files

    return mes_files.read_log(source.path)


def read_forecast(config: ReplanConfig, horizon: Horizon) -> Forecast:
    """Price, carbon intensity and own generation on the slots of a horizon.

    A feed-in price that depends on the hour counts at its lowest: surplus is small, and a plan
    should not chase it.
    """
    from twin.connectors.tariff import feed_in_series, load_tariff, price_series

    generation = _on_slots(config.generation, horizon, GENERATION)
    forecast = Forecast(
        horizon=horizon,
        price_per_kwh=np.zeros(horizon.slots),
        carbon_intensity=_on_slots(config.carbon, horizon, CARBON),
        generation_kw=generation,
    )
    if config.tariff is not None:
        tariff = load_tariff(config.tariff)
        prices, source = price_series(tariff, horizon), f"{tariff.id} ({tariff.status})"
        forecast = replace(
            forecast,
            feed_in_per_kwh=float(feed_in_series(tariff, horizon).min()),
            demand_charge_per_kw=tariff.demand_charge_per_kw_month,
        )
    else:
        assert config.prices is not None
        prices, source = _on_slots(config.prices, horizon), _described(config.prices)
    return replace(
        forecast,
        price_per_kwh=prices,
        peak_incurred_kw=config.peak_incurred_kw or 0.0,
        source=f"price: {source}; carbon: {_described(config.carbon)}",
    )


def metered_peak(log: EventLog, plant: Plant, config: ReplanConfig, horizon: Horizon) -> float:
    """Highest 15-min mean import of the month so far [kW], from the units' meter readings.

    The base load is added and own generation, where its series reaches back, taken off. A month
    without readings has no peak yet: 0. ``log`` is the diagnosed one: a reading that came twice
    would be a peak that never was.
    """
    readings = log.of_kind("meter")
    local = readings["time"].dt.tz_convert(plant.timezone)
    first = horizon.start.astimezone(plant.zone).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )
    readings = readings[local > pd.Timestamp(first)]
    if readings.empty:
        return 0.0
    slot = f"{horizon.slot_minutes}min"
    ended = readings["time"].dt.ceil(slot)
    kwh = readings.groupby(ended)["quantity"].sum()
    # A slot that a unit's reading is missing from would look like a valley, never like a peak.
    kw = kwh * 60 / horizon.slot_minutes + plant.energy.base_load_kw
    start = kw.index[0].to_pydatetime() - timedelta(minutes=horizon.slot_minutes)
    minutes = int((horizon.start - start).total_seconds() // 60)
    minutes -= minutes % horizon.slot_minutes
    past = Horizon(start, max(minutes, horizon.slot_minutes), plant.timezone)
    own = _generation_or_zero(config.generation, past)
    index = ((kw.index - pd.Timestamp(start)).total_seconds() / 60 / past.slot_minutes - 1).astype(
        int
    )
    net = kw.to_numpy() - own[np.clip(index.to_numpy(), 0, past.slots - 1)]
    return float(max(net.max(), 0.0))


def _generation_or_zero(source: SeriesSource | None, horizon: Horizon) -> Array:
    try:
        return _on_slots(source, horizon)
    except InputError:  # the series starts at the cut-off: the past is counted without it
        return np.zeros(horizon.slots)


def _on_slots(
    source: SeriesSource | None, horizon: Horizon, expected: Expected | None = None
) -> Array:
    if source is None:
        return np.zeros(horizon.slots)
    from twin.connectors.series import on_horizon, read_hourly

    series = read_hourly(
        source.path,
        source.time_column,
        source.value_column,
        source.factor,
        timezone=source.timezone,
        shift_days=source.shift_days,
    )
    values = on_horizon(series, horizon)
    if expected:
        _refuse_unlikely(values, expected, series.source)
    return values


def _refuse_unlikely(values: Array, expected: Expected, source: str) -> None:
    outside = values[(values < expected.least) | (values > expected.most)]
    if outside.size:
        upto = " or above" if np.isinf(expected.most) else f" to {expected.most:g}"
        found = f"got {outside[0]:g} {expected.unit} after factor; {expected.least:g}{upto} is "
        found += "expected"
        raise InputError(source, [Fault("", found, expected.remedy)])


def _described(source: SeriesSource) -> str:
    shifted = f", moved by {source.shift_days} days" if source.shift_days else ""
    return f"{source.path.name}, {source.value_column}{shifted}"


def _discovered(
    config: ReplanConfig, log: EventLog
) -> tuple[Plant, datetime, EventLog, tuple[str, ...]]:
    from zoneinfo import ZoneInfo

    from twin.calibration.discover import discover

    assert config.discover is not None
    cut_off = config.cut_off
    if cut_off.tzinfo is None:
        cut_off = cut_off.replace(tzinfo=ZoneInfo(config.mes.timezone))
    log = log.until(cut_off)
    found = discover(
        log,
        id=config.discover.id,
        timezone=config.mes.timezone,
        working_kw=config.discover.working_kw,
        standby_kw=config.discover.standby_kw,
        currency=config.discover.currency,
        same=config.discover.same,
    )
    return (
        found.neutral or found.plant,  # it is calibrated on this log next
        cut_off,
        log,
        tuple(note.text for note in found.notes if note.where == "plant"),
    )


def _in_zone(instant: datetime, plant: Plant) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=plant.zone)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
