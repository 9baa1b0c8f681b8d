"""The true plant behind the demonstration's log: the described plant with documented factors."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import Field

from twin.errors import Fault, InputError, did_you_mean
from twin.model.base import Frozen, read_yaml, validate
from twin.model.plant import STATES, Plant, PowerByState, Processing, SetupTable, State, WorkUnit

Factor = float
LawType = TypeVar("LawType", bound=Frozen)


class Rule(Frozen):
    """Factors on the figures of some work units; 1 leaves a figure as described."""

    areas: list[str] = Field(default_factory=list)
    units: list[str] = Field(default_factory=list)
    processing_time: Factor = Field(default=1.0, gt=0)
    transit: Factor = Field(default=1.0, gt=0)
    cv: Factor = Field(default=1.0, ge=0)
    setup_time: Factor = Field(default=1.0, gt=0)
    scrap: Factor = Field(default=1.0, ge=0)
    life: Factor = Field(default=1.0, gt=0)
    """On the scale of every time to failure."""
    repair_time: Factor = Field(default=1.0, gt=0)
    power_kw: dict[State, Factor] = Field(default_factory=dict)

    def concerns(self, unit: WorkUnit) -> bool:
        return unit.id in self.units or unit.area in self.areas


class _Rules(Frozen):
    rules: list[Rule]


def load_rules(path: Path) -> tuple[Rule, ...]:
    """Read the factors from YAML; every fault in one :class:`~twin.errors.InputError`."""
    return tuple(validate({"rules": read_yaml(path)}, _Rules, str(path)).rules)


def true_plant(nominal: Plant, rules: tuple[Rule, ...]) -> Plant:
    """The plant as it really is.

    Raises
    ------
    InputError
        If a rule names an area or a work unit the plant does not have.
    """
    faults = [*_unknown("areas", rules, [a.id for a in nominal.areas])]
    faults += [*_unknown("units", rules, [u.id for u in nominal.work_units])]
    if faults:
        raise InputError("true plant", faults)
    units = [_changed(unit, rules) for unit in nominal.work_units]
    return nominal.model_copy(update={"work_units": units, "name": f"{nominal.name} (true)"})


def _unknown(field: str, rules: tuple[Rule, ...], known: list[str]) -> list[Fault]:
    return [
        Fault(f"{i}.{field}", f'no "{name}" in the plant', did_you_mean(name, known))
        for i, rule in enumerate(rules)
        for name in getattr(rule, field)
        if name not in known
    ]


def _changed(unit: WorkUnit, rules: tuple[Rule, ...]) -> WorkUnit:
    for rule in rules:
        if rule.concerns(unit):
            unit = _by_rule(unit, rule)
    return unit


def _by_rule(unit: WorkUnit, rule: Rule) -> WorkUnit:
    return unit.model_copy(
        update={
            "processing": [_processing(row, rule) for row in unit.processing],
            "setup": unit.setup and _setup(unit.setup, rule.setup_time),
            "scrap": {key: share * rule.scrap for key, share in unit.scrap.items()},
            "power_kw": _power(unit.power_kw, rule.power_kw),
            "failure_modes": [
                mode.model_copy(
                    update={
                        "time_to_failure": _stretched(mode.life, rule.life),
                        "time_to_repair": _stretched(mode.time_to_repair, rule.repair_time),
                    }
                )
                for mode in unit.failure_modes
            ],
        }
    )


def _processing(row: Processing, rule: Rule) -> Processing:
    return row.model_copy(
        update={
            "time": {key: time * rule.processing_time for key, time in row.time.items()},
            "transit": row.transit * rule.transit,
            "cv": row.cv * rule.cv,
        }
    )


def _setup(table: SetupTable, factor: Factor) -> SetupTable:
    times = {
        before: {after: time * factor for after, time in row.items()}
        for before, row in table.times.items()
    }
    return table.model_copy(update={"default": table.default * factor, "times": times})


def _power(power: PowerByState, factors: dict[State, Factor]) -> PowerByState:
    """Power by state with factors; a state that borrows another's power keeps borrowing."""
    own = {state: getattr(power, state) for state in STATES if hasattr(power, state)}
    return PowerByState.model_validate(
        {state: kw if kw is None else kw * factors.get(state, 1.0) for state, kw in own.items()}
    )


def _stretched(law: LawType, factor: Factor) -> LawType:
    """The same law on a stretched time axis."""
    scale = next(name for name in ("scale", "median", "value") if hasattr(law, name))
    return law.model_copy(update={scale: getattr(law, scale) * factor})
