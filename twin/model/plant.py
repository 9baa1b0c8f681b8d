"""What a plant is, as engineers write it down: work units, routes, power, lifetimes, crews, shifts.

Equipment is named after ISA-95: a site has areas, an area has work units (the level at which work
is scheduled). A work order passes through the operations of its product's route as one batch, cut
into lots (containers or furnace loads) on each work unit; the next operation starts when the whole
batch is done and a work unit is free.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from twin.errors import InputError
from twin.model.base import MANY, Frozen, Minutes, read_yaml, validate
from twin.model.failures import CommonCause, FailureMode, MaintenanceTask
from twin.model.network import Branch, Carriage, Inspection, Load, Source, Spread, Stock, Transport
from twin.model.references import broken_references
from twin.model.shifts import ALWAYS_ON, Calendar
from twin.model.soundness import nonsense

NonNegativeMinutes = Annotated[Minutes, Field(ge=0)]
PositiveMinutes = Annotated[Minutes, Field(gt=0)]
Kilowatt = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
ANY = "*"
"""Key that stands for every product not named otherwise."""

State = Literal[
    "off", "startup", "standby", "setup", "working", "blocked", "down", "repair", "maintenance"
]
STATES: tuple[State, ...] = (
    "off", "startup", "standby", "setup", "working", "blocked", "down", "repair", "maintenance",
)  # fmt: skip
"""Machine states. *down* waits for a crew, *repair* has one; both draw the power of *down*."""


class PowerByState(Frozen):
    """Electric power drawn in each machine state [kW]."""

    off: Kilowatt = 0.0
    standby: Kilowatt = 0.0
    """Ready, waiting for work (a furnace: holding its temperature)."""
    startup: Kilowatt = 0.0
    setup: Kilowatt = 0.0
    working: Kilowatt = 0.0
    blocked: Kilowatt | None = None
    """Finished, waiting for room downstream; the power of standby when left out."""
    down: Kilowatt | None = None
    """Broken down, waiting or under repair; the power of standby when left out."""
    maintenance: Kilowatt | None = None
    """The power of off when left out."""

    def of(self, state: State) -> float:
        """Power in a state [kW]."""
        if state == "blocked":
            return self.standby if self.blocked is None else self.blocked
        if state in ("down", "repair"):
            return self.standby if self.down is None else self.down
        if state == "maintenance":
            return self.off if self.maintenance is None else self.maintenance
        return float(getattr(self, state))


class Processing(Frozen):
    """How long one operation takes on one work unit.

    A batch is worked lot by lot: a container of ``Product.lot_size`` pieces (basis *piece* or
    *kg*), a furnace load of ``load_kg`` (basis *load*) or the whole order at once (basis *order*).
    """

    operation: str
    basis: Literal["piece", "kg", "load", "order"]
    time: dict[str, NonNegativeMinutes]
    """Minutes per piece, kg, load or order; by product, family or "*" (any other product).
    A product found under none of them cannot be made on this unit."""
    load_kg: float | None = Field(default=None, gt=0)
    """Capacity of one load [kg]; for basis *load* only. Orders never share a load."""
    transit: NonNegativeMinutes = 0.0
    """Once per operation, before the first lot comes out (a belt furnace)."""
    cv: float = Field(default=0.05, ge=0, le=2)
    """Coefficient of variation of one lot's time; 1 for *exponential*, whatever is written."""
    spread: Spread = "lognormal"
    """Law of a lot's time around its mean."""
    load: Load | None = None
    """Jobs worked together as one lot (its time is that of the first job's first lot); for basis
    *order* or *load*."""
    operators: str | None = None
    """Crew, or skill, needed while working; none: people are no limit."""
    people: int = Field(default=1, gt=0)
    """Operators it takes."""

    def minutes_per_piece(self, product: Product) -> float:
        """Working time of one piece in a large order [min]; 0 where the order counts as a whole."""
        each = by_product(self.time, product) or 0.0
        if self.basis == "order":
            return 0.0
        if self.basis == "piece":
            return each
        return each * product.piece_mass_g / 1000 / (self.load_kg or 1.0)

    @model_validator(mode="after")
    def _load_has_capacity(self) -> Processing:
        if (self.basis == "load") != (self.load_kg is not None):
            raise ValueError("load_kg goes with basis load, and only with it")
        return self


class SetupTable(Frozen):
    """Sequence-dependent setup: time to change from one setup key to another."""

    by: str
    """What decides the setup: "product", "family" or the name of a product attribute."""
    default: NonNegativeMinutes = 0.0
    """Between two different keys not in ``times``. Between equal keys there is no setup."""
    times: dict[str, dict[str, NonNegativeMinutes]] = Field(default_factory=dict)
    """``times[from][to]``."""
    cv: float = Field(default=0.1, ge=0, le=2)
    """Coefficient of variation of a setup's time."""
    crew: str | None = None
    """Crew, or skill, that sets the unit up; none: the operator does."""
    cost: float = Field(default=0.0, ge=0)
    """Cost of one setup beside its time and energy (first-off scrap, tools) [currency]."""

    def time_between(self, before: str, after: str) -> float:
        """Setup time [min]; zero for equal keys, an unknown (empty) key before, and no key after: a
        product without one needs no setup."""
        if before in (after, "") or after == "":
            return 0.0
        return self.times.get(before, {}).get(after, self.default)


class WorkUnit(Frozen):
    """The smallest thing that is scheduled: a press, a furnace, a packing bench."""

    id: str
    name: str = ""
    area: str
    calendar: str = "always"
    processing: list[Processing] = Field(min_length=1)
    setup: SetupTable | None = None
    power_kw: PowerByState = PowerByState()
    startup_time: NonNegativeMinutes = 0.0
    """Warm-up from off to ready."""
    standby_timeout: NonNegativeMinutes = 30.0
    """Without a plan, an idle unit switches off after this long."""
    scrap: dict[str, Share] = Field(default_factory=dict)
    """Share of pieces scrapped here; by product, family or "*"."""
    scrap_reasons: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """Relative frequency of each scrap reason."""
    inspects: bool = False
    """Its scrap is the verdict of an inspection (a vision sorter), lot by lot."""
    defects: dict[str, Share] = Field(default_factory=dict)
    """Share of pieces made defective here without anybody seeing; by product, family or "*". An
    inspection further on may find them."""
    inspection: Inspection | None = None
    """Finds defects made here or before; its verdict is on whole jobs."""
    failure_modes: list[FailureMode] = Field(default_factory=list)
    maintenance: list[MaintenanceTask] = Field(default_factory=list)

    def processing_of(self, operation: str, product: Product) -> Processing | None:
        """The row for an operation, if this unit can do it for this product."""
        for row in self.processing:
            if row.operation == operation and by_product(row.time, product) is not None:
                return row
        return None


class Area(Frozen):
    """A part of the site with its own kind of work, for example heat treatment."""

    id: str
    name: str = ""


class Operation(Frozen):
    """One step of a route; done by any work unit that has a processing row for it."""

    id: str
    name: str = ""
    buffer_kg: float | None = Field(default=None, gt=0)
    """Room for batches waiting before this operation [kg]; unlimited when left out. A batch takes
    its room from the end of the operation before until this one starts; without room it stays on
    the unit before, which is blocked."""
    buffer_jobs: int | None = Field(default=None, ge=0, le=MANY)
    """Room for jobs waiting before this operation, instead of ``buffer_kg``; with carriage at least
    one."""
    carriage: Carriage | None = None
    """How jobs come here from the operation before; by themselves, at once, when left out."""
    uses: dict[str, Annotated[int, Field(gt=0, le=100_000)]] = Field(default_factory=dict)
    """Pieces taken from each stock for one piece of the job (assembly, raw parts)."""


class Route(Frozen):
    """The operations of a product family in order."""

    id: str
    operations: list[str] = Field(min_length=1)
    branches: list[Branch] = Field(default_factory=list)


class Product(Frozen):
    """Something that is made and sold."""

    id: str
    name: str = ""
    family: str
    route: str
    piece_mass_g: float = Field(default=1000.0, gt=0)
    """Mass of one piece [g]."""
    lot_size: int = Field(default=1_000_000, gt=0)
    """Pieces in one container."""
    moves_by: Literal["order", "lot", "piece"] = "order"
    """What goes from operation to operation: the whole order, one container, or one piece."""
    into: str | None = None
    """Stock that takes the finished pieces."""
    material: str = ""
    """Material drawn by the first operation."""
    attributes: dict[str, str] = Field(default_factory=dict)
    """What setups and cycle times may depend on: diameter, temperature, finish, …"""


class Material(Frozen):
    """A raw material that comes in traceable units (coils, bags, bars)."""

    id: str
    name: str = ""
    unit_kg: float = Field(gt=0)
    """Mass of one traceable unit [kg]."""


class Crew(Frozen):
    """People who share their work: repairs first, then preventive tasks, setups and operating."""

    id: str
    name: str = ""
    size: int = Field(gt=0, le=MANY)
    """People on duty at once; most tasks take one."""
    skills: list[str] = Field(default_factory=list)
    """What they can be asked for beside their own id; several crews may share a skill."""
    calendar: str = "always"


class SiteEnergy(Frozen):
    """The site's electricity connection."""

    base_load_kw: Kilowatt = 0.0
    """Lighting, compressors, offices: always on."""
    contract_kw: Kilowatt | None = None
    """Subscribed power; shown, and its exceedance reported."""
    pv_kwp: Kilowatt = 0.0
    """Own photovoltaic peak power."""


class Costs(Frozen):
    """What a plan is charged for beside electricity [currency]."""

    tardiness_per_h: float = Field(default=100.0, ge=0)
    """One hour late for an order of weight 1."""
    carbon_per_t: float = Field(default=0.0, ge=0)
    """Internal price of one tonne of CO2e."""
    moved_operation: float = Field(default=0.0, ge=0)
    """Each operation moved by over an hour, or to another unit, against last night's plan."""


class Plant(Frozen):
    """A whole plant. References between its parts are checked; every fault is listed."""

    id: str
    name: str = ""
    note: str = ""
    timezone: str = "UTC"
    currency: str = "EUR"
    areas: list[Area] = Field(min_length=1)
    calendars: list[Calendar] = Field(default_factory=list)
    crews: list[Crew] = Field(default_factory=list)
    materials: list[Material] = Field(default_factory=list)
    stocks: list[Stock] = Field(default_factory=list)
    transports: list[Transport] = Field(default_factory=list)
    common_causes: list[CommonCause] = Field(default_factory=list)
    sources: list[Source] = Field(default_factory=list)
    operations: list[Operation] = Field(min_length=1)
    routes: list[Route] = Field(min_length=1)
    products: list[Product] = Field(min_length=1)
    work_units: list[WorkUnit] = Field(min_length=1)
    energy: SiteEnergy = SiteEnergy()
    costs: Costs = Costs()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def calendars_by_id(self) -> dict[str, Calendar]:
        """Every calendar that a unit or a crew can name, *always* among them."""
        return {ALWAYS_ON.id: ALWAYS_ON, **{c.id: c for c in self.calendars}}

    def unit(self, id: str) -> WorkUnit:
        return next(u for u in self.work_units if u.id == id)

    def product(self, id: str) -> Product:
        return next(p for p in self.products if p.id == id)

    def route_of(self, product: Product) -> list[str]:
        """Operation ids of a product in order."""
        return next(r for r in self.routes if r.id == product.route).operations

    def branches_of(self, product: Product) -> list[Branch]:
        return next(r for r in self.routes if r.id == product.route).branches

    def rows_for(self, operation: str, product: Product) -> list[Processing]:
        """Processing rows of the work units that can do an operation for a product."""
        rows = (u.processing_of(operation, product) for u in self.work_units)
        return [row for row in rows if row]

    def units_for(self, operation: str, product: Product) -> list[WorkUnit]:
        """Work units that can do an operation for a product."""
        return [u for u in self.work_units if u.processing_of(operation, product)]


def by_product(table: dict[str, float], product: Product) -> float | None:
    """Look a product up in a table keyed by product, family or "*"."""
    for key in (product.id, product.family, ANY):
        if key in table:
            return table[key]
    return None


def setup_key(unit: WorkUnit, product: Product) -> str:
    """What a unit is set up for when it makes a product; empty when it needs no setup."""
    if unit.setup is None:
        return ""
    by = unit.setup.by
    if by == "product":
        return product.id
    return product.family if by == "family" else product.attributes.get(by, "")


def load_plant(path: Path) -> Plant:
    """Read a plant from YAML.

    Raises
    ------
    InputError
        With every fault: wrong types and unknown keys first, then broken references and nonsense.
    """
    return checked(validate(read_yaml(path), Plant, str(path)), str(path))


def checked(plant: Plant, source: str) -> Plant:
    """The same plant, every name in it known and nothing in it nonsense."""
    faults = [*broken_references(plant), *nonsense(plant)]
    if faults:
        raise InputError(source, faults)
    return plant
