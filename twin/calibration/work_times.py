"""How long an operation of an order takes, by the order or by the piece, whichever fits better."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, stdev
from typing import Literal

from twin.calibration.reports import WorkReport
from twin.calibration.routes import DONE_SHARE, Case

LEAST_SAMPLES = 8
"""With fewer, the basis is the order."""
PRIOR_SAMPLES = 4
"""All resources together weigh as much as this many samples of one resource's own."""
LARGEST_CV = 1.0
"""Beyond, the spread is between orders rather than chance, and would swamp a simulation."""


@dataclass(frozen=True)
class Sample:
    """One operation of one order, finished."""

    order: str
    operation: str
    work_unit: str
    """Resource that spent most time on it."""
    minutes: float
    """By all resources together [min]."""
    pieces: float


@dataclass(frozen=True)
class WorkTime:
    """What one operation takes, over all resources."""

    basis: Literal["order", "piece"]
    minutes: float
    """Per order or per piece [min]."""
    cv: float
    note: str


def samples_of(found: Mapping[str, Case], closing: str) -> list[Sample]:
    """Finished operations: of orders that are over, or with their pieces done and another after."""
    samples = []
    for case in found.values():
        by_operation: dict[str, list[WorkReport]] = defaultdict(list)
        for report in case.reports:
            by_operation[report.operation].append(report)
        last = case.sequence[-1]
        for operation, reports in by_operation.items():
            work = [r for r in reports if r.kind == "work"]
            pieces = sum(r.pieces for r in work)
            is_done = closing in case.had or (
                operation != last and case.quantity > 0 and pieces >= DONE_SHARE * case.quantity
            )
            minutes = sum(r.minutes for r in work)
            if is_done and minutes > 0 and case.quantity > 0:
                unit = _main_unit(work)
                samples.append(Sample(case.order, operation, unit, minutes, case.quantity))
    return samples


def _main_unit(work: Sequence[WorkReport]) -> str:
    minutes: dict[str, float] = defaultdict(float)
    for r in work:
        minutes[r.work_unit] += r.minutes
    return max(sorted(minutes), key=lambda unit: minutes[unit])


def work_time(samples: Sequence[Sample]) -> WorkTime:
    """Time per order or per piece, the one that foretells orders it has not seen the better.

    Orders are dealt into two halves; each half foretells the other. The error is the mean absolute
    logarithm of actual over foretold time.
    """
    if not samples:
        return WorkTime("order", 0.0, 0.0, "no finished operation in the log; time 0")
    errors = {basis: _error(samples, basis) for basis in ("order", "piece")}
    basis: Literal["order", "piece"] = "order"
    if len(samples) >= LEAST_SAMPLES and errors["piece"] < errors["order"]:
        basis = "piece"
    rates = [s.minutes / _size(s, basis) for s in samples]
    mean = sum(s.minutes for s in samples) / sum(_size(s, basis) for s in samples)
    spread = stdev(math.log(r) for r in rates) if len(rates) > 1 else 0.0
    cv = min(math.sqrt(math.expm1(min(spread**2, 2.0))), LARGEST_CV)
    note = f"{len(samples)} orders, {mean:.3g} min per {basis}"
    if len(samples) >= LEAST_SAMPLES:
        note += (
            f"; unseen orders are off by a factor of {math.exp(errors['order']):.1f} by order, "
            f"{math.exp(errors['piece']):.1f} by piece"
        )
    return WorkTime(basis, mean, cv, note)


def unit_minutes(pooled: WorkTime, samples: Sequence[Sample], unit: str) -> float:
    """Time of one resource [min per order or piece]: its own mean, drawn towards that of all."""
    mine = [s for s in samples if s.work_unit == unit]
    own = sum(s.minutes for s in mine)
    sizes = sum(_size(s, pooled.basis) for s in mine)
    typical = sum(_size(s, pooled.basis) for s in samples) / max(len(samples), 1)
    prior = PRIOR_SAMPLES * typical
    return (own + prior * pooled.minutes) / (sizes + prior) if sizes + prior else pooled.minutes


def _size(sample: Sample, basis: str) -> float:
    return sample.pieces if basis == "piece" else 1.0


def _error(samples: Sequence[Sample], basis: str) -> float:
    """Mean absolute log error when each half of the orders foretells the other."""
    ordered = sorted(samples, key=lambda s: s.order)
    halves = ordered[::2], ordered[1::2]
    errors = []
    for known, unseen in (halves, halves[::-1]):
        if known:
            rate = median(s.minutes / _size(s, basis) for s in known)
            errors += [abs(math.log(s.minutes / (rate * _size(s, basis)))) for s in unseen]
    return sum(errors) / len(errors) if errors else 0.0
