"""Prices, carbon intensity and own generation of a horizon, as the nightly job reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from scenarios.settings import ReplanConfig, SeriesSource
from twin.errors import Fault, FeedMissing, InputError
from twin.model.events import EventLog
from twin.model.forecast import Forecast
from twin.model.horizon import Array, Horizon
from twin.model.plant import Plant


@dataclass(frozen=True)
class Expected:
    """Values that a series can have; others are a wrong unit or a wrong column."""

    unit: str
    least: float
    most: float
    remedy: str


CARBON = Expected("kgCO2e/kWh", 0.0, 3.0, "check the column; grams need factor: 0.001")
GENERATION = Expected("kW", 0.0, np.inf, "check the column; generation counts above 0")


def read_forecast(config: ReplanConfig, horizon: Horizon) -> Forecast:
    """Price, carbon intensity and own generation on the slots of a horizon.

    A feed-in price that depends on the hour counts at its lowest: surplus is small, and a plan
    should not chase it.

    Raises
    ------
    FeedMissing
        When a file is not there, empty, or does not cover the horizon.
    InputError
        When a file is there and wrong.
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
        with _fed(config.tariff, "the tariff"):
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
    except FeedMissing:  # the series starts at the cut-off: the past is counted without it
        return np.zeros(horizon.slots)


def _on_slots(
    source: SeriesSource | None, horizon: Horizon, expected: Expected | None = None
) -> Array:
    if source is None:
        return np.zeros(horizon.slots)
    from twin.connectors.series import on_horizon, read_hourly

    with _fed(source.path, f"column {source.value_column}"):
        series = read_hourly(
            source.path,
            source.time_column,
            source.value_column,
            source.factor,
            timezone=source.timezone,
            shift_days=source.shift_days,
        )
    try:
        values = on_horizon(series, horizon)
    except InputError as error:
        raise FeedMissing(str(error)) from None
    if expected:
        _refuse_unlikely(values, expected, series.source)
    return values


@contextmanager
def _fed(path: Path, what: str) -> Iterator[None]:
    """Tell a feed that did not come from one that is wrong."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            lines = len(list(islice((line for line in file if line.strip()), 2)))
    except FileNotFoundError:
        raise FeedMissing(
            f"{path}: no such file; {what} for the horizon is expected there; check the feed that "
            "brings it"
        ) from None
    except OSError:
        lines = 2  # whose reader says what is wrong
    if lines < 2:
        raise FeedMissing(f"{path}: nothing is in it; {what} is expected; check the feed")
    yield


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
