"""Carbon intensity of the grid and the plant's own solar generation for the demonstration.

Both are synthetic stand-ins: hourly carbon data of Morocco are not free to ship, and the plant does
not exist. What is kept is what matters to a plan: the level, the daily shape and its unsteadiness.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from scenarios.demo_draws import Draws
from twin.model.horizon import Array

LATITUDE, LONGITUDE = 34.26, -6.58
"""Kénitra [degrees north, degrees east]."""

YEARLY_CARBON_INTENSITY = 0.516
"""Morocco 2025, life-cycle, yearly mean [kgCO2e/kWh] (Electricity Maps in @tgwf/co2 0.19.0)."""

SOLAR_DIP = 0.22
"""Share by which a sun in the zenith would lower the intensity."""
EVENING_PEAK = 0.10
"""Share by which the evening, short of sun and high in demand, raises it at about 19:30 UTC."""
WEEKEND = {5: -0.015, 6: -0.035}
"""Share by weekday: less demand, so less coal and oil."""
WIND_SD, WIND_HOURS = 0.05, 18.0
"""Standard deviation (share) and memory [h] of the wind's effect."""

PERFORMANCE_RATIO = 0.82
"""Of the solar plant: inverters, dirt, temperature."""


@dataclass(frozen=True)
class HourlySeries:
    """Values that hold for whole UTC hours from ``start`` on."""

    start: datetime
    values: Array
    column: str
    """Name with unit, as the CSV file has it."""

    def csv_rows(self) -> list[tuple[str, str]]:
        """Rows (time, value) as text."""
        hours = (self.start + timedelta(hours=i) for i in range(len(self.values)))
        return [
            (f"{h:%Y-%m-%dT%H:%M}Z", f"{v:.4f}") for h, v in zip(hours, self.values, strict=True)
        ]


def carbon_series(start: datetime, hours: int, seed: int) -> HourlySeries:
    """Carbon intensity [kgCO2e/kWh]: yearly mean × (daily shape + weekday + wind)."""
    shape = _daily_shape(start, hours) / _mean_shape(start.year)
    wind = WIND_SD * _persistent(hours, WIND_HOURS, Draws(seed, "grid", "wind"))
    values = YEARLY_CARBON_INTENSITY * np.maximum(shape + wind, 0.3)
    return HourlySeries(start, values.round(4), "carbon_intensity_kgco2e_per_kwh")


def generation_series(start: datetime, hours: int, kwp: float, seed: int) -> HourlySeries:
    """Own generation [kW]: clear sky on panels laid flat × clouds."""
    clear = clear_sky(_mid_hours(start, hours)) / 1000
    clouds = _persistent(hours, 8.0, Draws(seed, "site", "clouds"))
    share = np.clip(0.82 + 0.22 * clouds, 0.15, 1.0)
    values = kwp * PERFORMANCE_RATIO * clear * share
    return HourlySeries(start, values.round(3), "generation_kw")


def clear_sky(instants: list[datetime]) -> Array:
    """Global horizontal irradiance [W/m²] at Kénitra under a clear sky.

    Haurwitz (1945): G = 1098 sin(h) exp(−0.059 / sin(h)), h the sun's elevation.
    """
    sine = np.array([_sine_of_elevation(i.astimezone(UTC)) for i in instants])
    safe = np.maximum(sine, 1e-3)
    return np.asarray(np.where(sine > 0, 1098 * safe * np.exp(-0.059 / safe), 0.0))


def _sine_of_elevation(instant: datetime) -> float:
    """sin(h) from declination (Cooper 1969) and hour angle with the equation of time."""
    day = instant.timetuple().tm_yday
    declination = math.radians(23.45) * math.sin(math.radians(360 * (284 + day) / 365))
    b = math.radians(360 * (day - 81) / 364)
    equation_min = 9.87 * math.sin(2 * b) - 7.53 * math.cos(b) - 1.5 * math.sin(b)
    minute = instant.hour * 60 + instant.minute + 4 * LONGITUDE + equation_min
    hour_angle = math.radians((minute - 720) / 4)
    latitude = math.radians(LATITUDE)
    return math.sin(latitude) * math.sin(declination) + (
        math.cos(latitude) * math.cos(declination) * math.cos(hour_angle)
    )


def _daily_shape(start: datetime, hours: int) -> Array:
    """Intensity without wind, as a multiple of an unnormalised mean."""
    instants = _mid_hours(start, hours)
    sun = clear_sky(instants) / 1000
    clock = np.array([i.hour + 0.5 for i in instants])
    evening = np.exp(-0.5 * ((clock - 19.5) / 2.2) ** 2)
    weekday = np.array([WEEKEND.get(i.weekday(), 0.0) for i in instants])
    return np.asarray(1 - SOLAR_DIP * sun + EVENING_PEAK * evening + weekday)


def _mean_shape(year: int) -> float:
    """Mean of the daily shape over a whole year, so that the yearly mean comes out as stated."""
    return float(_daily_shape(datetime(year, 1, 1, tzinfo=UTC), 8760).mean())


def _mid_hours(start: datetime, hours: int) -> list[datetime]:
    return [start + timedelta(minutes=60 * i + 30) for i in range(hours)]


def _persistent(hours: int, memory: float, draws: Draws) -> Array:
    """Stationary first-order noise of mean 0, variance 1 and a memory in hours."""
    keep = math.exp(-1 / memory)
    steps = draws.normals(hours)
    values = np.empty(hours)
    values[0] = steps[0]
    for i in range(1, hours):
        values[i] = keep * values[i - 1] + math.sqrt(1 - keep**2) * steps[i]
    return values
