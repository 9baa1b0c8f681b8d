"""The names that a plant's systems use for its equipment, and what each is in the plant.

A name that is neither in the plant nor among the other names is refused, by name: an event of an
unknown machine would be an event of nothing. It can be added and the quarantine replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from twin.errors import Fault, InputError, did_you_mean
from twin.ingest.settings import Equipment, IngestConfig
from twin.ingest.values import LONGEST_TEXT, Refused, is_fit, shown
from twin.model.base import read_yaml, validate
from twin.model.plant import Plant, load_plant

SITE = ""
"""The work unit of a meter that reads the whole site."""
MOST_REMEMBERED = 1024
"""Unknown names whose hint is kept: a machine that is not in the plant sends many messages."""


@dataclass(frozen=True)
class Registry:
    """Every name that may stand in an event."""

    units: Mapping[str, str] = field(default_factory=dict)
    """Each name of a work unit, and its id in the plant; of the site, :data:`SITE`."""
    operations: frozenset[str] | None = None
    """None: any name is taken."""
    products: frozenset[str] | None = None
    areas: frozenset[str] = frozenset()
    is_open: bool = False
    """Whether a unit of any name is taken, because there is no plant description."""

    def check_of(self, column: str) -> Callable[[str], str] | None:
        """What turns a name of that column into the plant's; None where any name will do."""
        if column == "work_unit":
            return self._open_unit if self.is_open else self._unit_check()
        if column == "operation" and self.operations is not None:
            return _known("operation", self.operations)
        if column == "product" and self.products is not None:
            return _known("product", self.products)
        return None

    def _open_unit(self, name: str) -> str:
        return self.units.get(name, name)

    def _unit_check(self) -> Callable[[str], str]:
        units, areas = self.units, self.areas

        @lru_cache(MOST_REMEMBERED)
        def unknown(name: str) -> str:
            if name in areas:
                return f"{shown(name)} is an area; an event belongs to one of its work units"
            remedy = "add it to equipment or to the plant description, then replay"
            return f"unknown work unit {shown(name)}; {hint(name, units)}; {remedy}"

        def unit(name: str) -> str:
            try:
                return units[name]
            except KeyError:
                raise Refused(unknown(name)) from None

        return unit


def _known(what: str, names: frozenset[str]) -> Callable[[str], str]:
    @lru_cache(MOST_REMEMBERED)
    def unknown(name: str) -> str:
        remedy = f"add it to the plant description or translate it under fields.{what}.values"
        return f"unknown {what} {shown(name)}; {hint(name, names)}; {remedy}"

    def check(name: str) -> str:
        if name not in names:
            raise Refused(unknown(name))
        return name

    return check


def hint(name: str, known: Mapping[str, str] | frozenset[str]) -> str:
    """``did you mean …``, capitals and small letters not looked at first."""
    folded = {n.casefold(): n for n in known if n}
    same = folded.get(name.casefold())
    return f'did you mean "{same}"?' if same else did_you_mean(name[:LONGEST_TEXT], folded.values())


def load_registry(config: IngestConfig) -> Registry:
    """The names of a configuration's plant and equipment.

    Raises
    ------
    InputError
        With every fault: other names of units that are not in the plant, or of two units at once.
    """
    names, source = _other_names(config.equipment)
    if config.plant is None:
        return Registry(_joined(names, None, source), is_open=True)
    plant = load_plant(config.plant)
    free = set(config.free_names)
    return Registry(
        units=_joined(names, plant, source),
        operations=None if "operation" in free else frozenset(o.id for o in plant.operations),
        products=None if "product" in free else frozenset(p.id for p in plant.products),
        areas=frozenset(a.id for a in plant.areas),
    )


def _other_names(equipment: Equipment) -> tuple[Mapping[str, list[str]], str]:
    if equipment.file is None:
        return equipment.names, "equipment"
    path: Path = equipment.file
    return validate({"names": read_yaml(path)}, Equipment, str(path)).names, str(path)


def _joined(names: Mapping[str, list[str]], plant: Plant | None, source: str) -> dict[str, str]:
    """Every name and what it means; all that is ambiguous or unknown is told together."""
    own = {unit.id for unit in plant.work_units} if plant else set(names)
    site = plant.id if plant else SITE
    units = {unit: unit for unit in own} | {site: SITE}
    faults = []
    for unit, others in names.items():
        if unit not in own and unit != site:
            faults.append(Fault(unit, "no such work unit in the plant", did_you_mean(unit, own)))
            continue
        meant = units[unit]
        for other in map(str.strip, others):
            if not other or len(other) > LONGEST_TEXT or not is_fit(other):
                faults.append(Fault(unit, f"{shown(other)} cannot be a name", "leave it out"))
            elif units.setdefault(other, meant) != meant:
                is_own = other in own
                found = f'"{other}" is {"the id" if is_own else "another name"} of {units[other]}'
                faults.append(Fault(unit, f"{found}; a name means one unit", "remove one of them"))
    if faults:
        raise InputError(source, faults)
    units.pop("", None)
    return units
