"""Price, carbon intensity and own generation on the slots of a horizon."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from twin.model.horizon import Array, Horizon


@dataclass(frozen=True)
class Forecast:
    """What electricity costs, emits and yields in each slot t of a horizon.

    Arrays are (T,). Within a slot everything is constant; grid import is netted against own
    generation slot by slot.
    """

    horizon: Horizon
    price_per_kwh: Array
    """π_t, for electricity bought [currency/kWh]."""
    carbon_intensity: Array
    """g_t of the grid [kgCO2e/kWh]."""
    generation_kw: Array
    """Own generation [kW]."""
    feed_in_per_kwh: float = 0.0
    """Paid for surplus generation [currency/kWh]."""
    demand_charge_per_kw: float = 0.0
    """π^peak, for each kW by which the plan raises the month's peak [currency/kW]."""
    peak_incurred_kw: float = 0.0
    """Highest slot mean already metered this billing month [kW]."""
    source: str = ""
    """Where the series come from, in words."""

    def __post_init__(self) -> None:
        for name in ("price_per_kwh", "carbon_intensity", "generation_kw"):
            series = getattr(self, name)
            if series.shape != (self.horizon.slots,):
                raise ValueError(f"{name} has {series.shape} values; {self.horizon.slots} slots")
            if not np.isfinite(series).all():
                raise ValueError(f"{name} has values that are not numbers")

    def scaled(self, price_level: float = 1.0) -> Forecast:
        """The same forecast with every price multiplied."""
        return replace(
            self,
            price_per_kwh=self.price_per_kwh * price_level,
            demand_charge_per_kw=self.demand_charge_per_kw * price_level,
        )
