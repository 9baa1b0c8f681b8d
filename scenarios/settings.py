"""The configuration of a plant's nightly job, as written in YAML."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, model_validator

from twin.errors import did_you_mean
from twin.model.base import Frozen, load_yaml
from twin.model.demands import Demands


def _check_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"no such time zone; {did_you_mean(name, available_timezones())}")
    return name


Zone = Annotated[str, AfterValidator(_check_zone)]
"""IANA name of a time zone."""


class SeriesSource(Frozen):
    """One column of a CSV file: a value per hour, half hour or quarter of an hour."""

    path: Path
    time_column: str = "time"
    value_column: str
    factor: float = 1.0
    """Multiplies the column into the unit needed (EUR/MWh → EUR/kWh: 0.001)."""
    timezone: Zone | None = None
    """Zone of times written without one; none: such times are refused."""
    shift_days: int = Field(default=0, multiple_of=7)
    """Moves the series by whole weeks, so that one year can stand in for another."""


class MesSource(Frozen):
    """Where the log of what happened comes from."""

    path: Path
    format: Literal["noria", "job_shop"] = "noria"
    timezone: Zone = "UTC"
    """Zone of times written without one (job_shop)."""


class Discovery(Frozen):
    """For a plant nobody has described: what the log cannot tell."""

    id: str
    working_kw: float = Field(default=0.0, ge=0)
    """Assumed power of every work unit at work; 0: energy is not judged."""
    standby_kw: float = Field(default=0.0, ge=0)
    currency: str = "EUR"
    same: dict[str, str] = Field(default_factory=dict)
    """Operations of the log that are another one under a different name, as ``name: other``."""


class Updating(Frozen):
    """How the twin's parameters follow the plant (:mod:`scenarios.updating`)."""

    window_days: int = Field(default=56, ge=3)
    """Length of the log that parameters are fitted to: enough for rare setups and failures, and
    short enough to forget. A log that is shorter is used whole."""
    duel_days: int = Field(default=7, ge=3, le=28)
    """Days before the cut-off that new parameters must not have foreseen clearly worse than those
    in force."""


class ReplanConfig(Frozen):
    """One nightly job. Relative paths start at the file's own folder unless told otherwise."""

    plant: Path | None = None
    """Plant YAML; leave it out and give ``discover`` to infer the plant from the log."""
    discover: Discovery | None = None
    mes: MesSource
    orders: Path | None = None
    """ERP order book; left out (with ``discover``), the orders open at the cut-off are inferred."""
    tariff: Path | None = None
    """Tariff YAML; or give ``prices``."""
    prices: SeriesSource | None = None
    carbon: SeriesSource
    """Grid carbon intensity, in kgCO2e/kWh after ``factor``."""
    generation: SeriesSource | None = None
    """Own generation, in kW after ``factor``."""
    peak_incurred_kw: float | None = Field(default=None, ge=0)
    """Month's peak so far; left out: taken from the meter readings of the log."""
    cut_off: datetime
    """Data up to here, plan from here; without an offset it is the plant's time."""
    stale_after_h: float = Field(default=12.0, gt=0)
    """Refuse to plan when the last event is older than this at the cut-off."""
    horizon_days: int = Field(default=9, ge=1, le=60)
    replications: int = Field(default=100, ge=2)
    seed: int = Field(default=1, ge=0)
    time_limit_s: float = Field(default=150.0, gt=0)
    """Time for the optimiser. The amount of search follows from it, and takes about half of it on
    a free core; on a busy machine it may take up to twice as long, for the same plan."""
    plan: Demands = Demands()
    """What a plan must keep to: frozen window, power and carbon caps, limits on risk."""
    calibration: Updating = Updating()
    publish: Path = Path("erp_drop")
    archive: Path = Path("runs")

    @model_validator(mode="after")
    def _one_of_each(self) -> ReplanConfig:
        if (self.plant is None) == (self.discover is None):
            raise ValueError("give either plant or discover")
        if (self.tariff is None) == (self.prices is None):
            raise ValueError("give either tariff or prices")
        if self.plant is not None and self.orders is None:
            raise ValueError(
                "orders is missing; only a discovered plant can do without an ERP file"
            )
        return self

    def located(self, data: Path, out: Path) -> ReplanConfig:
        """The same configuration, inputs found under ``data`` and outputs under ``out``."""

        def series(source: SeriesSource | None) -> SeriesSource | None:
            return source and source.model_copy(update={"path": data / source.path})

        return self.model_copy(
            update={
                "plant": self.plant and data / self.plant,
                "orders": self.orders and data / self.orders,
                "tariff": self.tariff and data / self.tariff,
                "mes": self.mes.model_copy(update={"path": data / self.mes.path}),
                "prices": series(self.prices),
                "carbon": series(self.carbon),
                "generation": series(self.generation),
                "publish": out / self.publish,
                "archive": out / self.archive,
            }
        )

    def input_files(self) -> list[Path]:
        """Every file the job reads, in a fixed order."""
        series = [s.path for s in (self.prices, self.carbon, self.generation) if s]
        named = [self.plant, self.mes.path, self.orders, self.tariff]
        return [path for path in (*named, *series) if path]


def load_config(path: Path, data: Path | None = None, out: Path | None = None) -> ReplanConfig:
    """Read a configuration; every fault of it in one :class:`~twin.errors.InputError`."""
    config = load_yaml(path, ReplanConfig)
    return config.located(data or path.parent, out or path.parent)
