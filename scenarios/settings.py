"""The configuration of a plant's nightly job, as written in YAML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, model_validator

from scenarios.cut_off import CutOff
from scenarios.watch_settings import WatchSettings
from twin.erp.settings import AnyErp
from twin.errors import did_you_mean
from twin.model.base import Frozen, load_yaml
from twin.model.demands import Demands
from twin.secrets import Keyring
from twin.store.settings import StoreSettings


def _check_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"no such time zone; {did_you_mean(name, available_timezones())}")
    return name


DROP = "drop"
"""Name of the folder ``publish`` among the targets."""
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
    """Where the log of what happened comes from: a file, or the event store."""

    path: Path | None = None
    store: StoreSettings | None = None
    """Where ``noria ingest`` keeps the events; in place of ``path``."""
    window_days: int = Field(default=90, ge=3)
    """Days before the cut-off that are read from the store; a file is read whole."""
    format: Literal["noria", "job_shop"] = "noria"
    timezone: Zone = "UTC"
    """Zone of times written without one (job_shop), and of a plant that is discovered."""

    @model_validator(mode="after")
    def _one_of_each(self) -> MesSource:
        if (self.path is None) == (self.store is None):
            raise ValueError("give either path or store")
        return self

    @property
    def file(self) -> Path:
        """The file of a source that is one."""
        assert self.path is not None
        return self.path


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


class Nervousness(Frozen):
    """How much of last night's plan a new one may overturn of its own accord."""

    most_moved: float = Field(gt=0, le=1)
    """Share of the operations and preventive tasks of both plans that may stand elsewhere, as
    ``0.3``. Moves that the shop forces (a late batch, a stopped unit, a start that did not come)
    are not counted."""
    dearer: float = Field(default=10.0, ge=1)
    """A plan above the share is made once more, with a move charged this many times what the plant
    says under ``costs.moved_operation`` (where it says nothing: this many times the cost of a
    quarter of an hour late). Above the share again, nothing is published."""


Occasion = Literal["failure", "fallback", "partial", "always"]


class Notification(Frozen):
    """A command that is told how a run ended, as JSON on its standard input."""

    command: tuple[str, ...] = Field(min_length=1)
    """Program and arguments; no shell reads them. For example ``[/usr/local/bin/tell-planner]``."""
    on: frozenset[Occasion] = frozenset({"failure", "fallback", "partial"})
    """*failure*: nothing was published; *fallback*: the plan is not the optimiser's; *partial*: not
    every target took it; *always*."""
    time_limit_s: float = Field(default=30.0, gt=0, le=600)
    """After which it is stopped; the run is judged without it."""


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, Mapping) else value


class ReplanConfig(Frozen):
    """One nightly job. Relative paths start at the file's own folder unless told otherwise."""

    plant: Path | None = None
    """Plant YAML; leave it out and give ``discover`` to infer the plant from the log."""
    discover: Discovery | None = None
    mes: MesSource
    orders: Path | None = None
    """ERP order book (CSV); left out, they come from ``erp``, or (with ``discover``) the orders
    open at the cut-off are inferred."""
    erp: Annotated[tuple[AnyErp, ...], BeforeValidator(_as_list)] = ()
    """An ERP, or a list of them, that plans go to, beside the folder ``publish``. Orders come from
    the first that can be read, where ``orders`` is left out."""
    tariff: Path | None = None
    """Tariff YAML; or give ``prices``."""
    prices: SeriesSource | None = None
    carbon: SeriesSource
    """Grid carbon intensity, in kgCO2e/kWh after ``factor``."""
    generation: SeriesSource | None = None
    """Own generation, in kW after ``factor``."""
    peak_incurred_kw: float | None = Field(default=None, ge=0)
    """Month's peak so far; left out: taken from the meter readings of the log."""
    cut_off: CutOff
    """Data up to here, plan from here: a date and time (without an offset the plant's time),
    ``now`` (the last full minute), or a time of day such as ``"06:00"`` in quotes, the latest on
    the plant's clock."""
    stale_after_h: float = Field(default=12.0, gt=0)
    """Refuse to plan when the last event is older than this at the cut-off and a shift was worked
    since."""
    least_activity: float = Field(default=0.5, ge=0, le=1)
    """Refuse to plan when the log's last shifts have less than this share of the usual events, or
    when more than this share of the work units that usually report has fallen silent. 0: not
    judged."""
    horizon_days: int = Field(default=9, ge=1, le=60)
    replications: int = Field(default=100, ge=2)
    seed: int = Field(default=1, ge=0)
    time_limit_s: float = Field(default=150.0, gt=0)
    """Time for the optimiser. The amount of search follows from it, and takes about half of it on
    a free core; on a busy machine it may take up to twice as long, for the same plan."""
    plan: Demands = Demands()
    """What a plan must keep to: frozen window, power and carbon caps, limits on risk."""
    give_up_after_s: float | None = Field(default=None, gt=0)
    """When an optimiser that does not return is stopped and the fallback plan stands in for it;
    left out: four times ``time_limit_s`` and five minutes."""
    nervousness: Nervousness | None = None
    calibration: Updating = Updating()
    publish: Path | None = Path("erp_drop")
    """Folder that plans go to as files; ``null``: to ``erp`` alone."""
    archive: Path = Path("runs")
    notify: Notification | None = None
    watch: WatchSettings = WatchSettings()
    """What ``noria watch`` looks for between two plans."""
    _keyring: Keyring | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _one_of_each(self) -> ReplanConfig:
        if (self.plant is None) == (self.discover is None):
            raise ValueError("give either plant or discover")
        if (self.tariff is None) == (self.prices is None):
            raise ValueError("give either tariff or prices")
        if self.plant is not None and self.orders is None and self.order_source is None:
            raise ValueError(
                "orders is missing; only a discovered plant can do without orders of an ERP"
            )
        if self.publish is None and not self.erp:
            raise ValueError("publish is null and there is no erp; plans need a place to go to")
        names = [erp.name for erp in self.erp] + ([DROP] if self.publish else [])
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"erp: name {', '.join(twice)} stands twice; give each its own")
        needed = self.calibration.window_days + self.calibration.duel_days
        if self.mes.store is not None and self.mes.window_days < needed:
            raise ValueError(
                f"mes.window_days is {self.mes.window_days}; calibration needs {needed} "
                "(its window_days and duel_days)"
            )
        return self

    @property
    def order_source(self) -> AnyErp | None:
        """The first ERP that orders can be read from."""
        return next((erp for erp in self.erp if erp.reads), None)

    @property
    def keyring(self) -> Keyring:
        """Where the secrets that this configuration names are looked up."""
        return self._keyring or Keyring({}, Path())

    def located(self, data: Path, out: Path) -> ReplanConfig:
        """The same configuration, inputs found under ``data`` and outputs under ``out``."""

        def series(source: SeriesSource | None) -> SeriesSource | None:
            return source and source.model_copy(update={"path": data / source.path})

        return self.model_copy(
            update={
                "plant": self.plant and data / self.plant,
                "orders": self.orders and data / self.orders,
                "tariff": self.tariff and data / self.tariff,
                "mes": self.mes.model_copy(
                    update={
                        "path": self.mes.path and data / self.mes.path,
                        "store": self.mes.store and self.mes.store.located(data),
                    }
                ),
                "erp": tuple(erp.located(data) for erp in self.erp),
                "prices": series(self.prices),
                "carbon": series(self.carbon),
                "generation": series(self.generation),
                "publish": self.publish and out / self.publish,
                "archive": out / self.archive,
            }
        )

    def input_files(self) -> list[Path]:
        """Every file the job reads, in a fixed order."""
        series = [s.path for s in (self.prices, self.carbon, self.generation) if s]
        named = [self.plant, self.mes.path, self.orders, self.tariff]
        return [path for path in (*named, *series) if path]


def load_config(
    path: Path,
    data: Path | None = None,
    out: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> ReplanConfig:
    """Read a configuration; every fault of it in one :class:`~twin.errors.InputError`.

    ``environ`` is the environment as the command found it: secrets may be there.
    """
    config = load_yaml(path, ReplanConfig)
    config = config.located(data or path.parent, out or path.parent)
    config._keyring = Keyring(environ or {}, path.parent)
    return config
