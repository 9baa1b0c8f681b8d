"""Processing times from reports that name no product: by order and operation, over all resources.

Such a log comes with a plant that was discovered from one (:mod:`twin.calibration.discover`). Its
reports are parts of an operation, made by several people on several days, so that one report says
little: the minutes of a whole operation of an order are one observation here, as they are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from twin.calibration.activity import Activity
from twin.calibration.estimates import ParameterEstimate
from twin.calibration.reports import work_reports
from twin.calibration.routes import cases, find_closing
from twin.calibration.work_times import Sample, WorkTime, samples_of, unit_minutes
from twin.model.plant import ANY, Processing, WorkUnit

LEAST_LOTS = 20
DRAWS = 400
"""Bootstrap samples of orders for the interval."""


def report_time_estimates(activity: Activity) -> Iterator[ParameterEstimate]:
    """Processing time of every (work unit, operation) that does any product, from its reports."""
    if int((activity.lots["product"] == "").sum()) < LEAST_LOTS:
        return
    reports = work_reports(activity.log, activity.until)
    found = cases(reports)
    closing = find_closing(found, reports[0].start, activity.until)
    by_operation: dict[str, list[Sample]] = {}
    for sample in samples_of(found, closing.operation):
        by_operation.setdefault(sample.operation, []).append(sample)
    for unit in activity.plant.work_units:
        for row in unit.processing:
            samples = by_operation.get(row.operation, [])
            if row.basis in ("order", "piece") and ANY in row.time and samples:
                yield _of_row(unit, row, samples)


def _of_row(unit: WorkUnit, row: Processing, samples: Sequence[Sample]) -> ParameterEstimate:
    own = sum(s.work_unit == unit.id for s in samples)
    draws = np.random.Generator(np.random.Philox(key=len(samples)))
    repeats = [
        _minutes(unit, row, [samples[i] for i in draws.integers(0, len(samples), len(samples))])
        for _ in range(DRAWS)
    ]
    low, high = np.quantile(repeats, [0.025, 0.975])
    return ParameterEstimate(
        "processing_time", unit.id, f"{row.operation}/{ANY}", _minutes(unit, row, samples),
        float(low), float(high), f"min/{row.basis}", own, nominal=row.time[ANY],
        note=f"from reports without products: {len(samples)} orders on all resources, whose mean "
        "counts as four more of its own; bootstrap over orders",
    )  # fmt: skip


def _minutes(unit: WorkUnit, row: Processing, samples: Sequence[Sample]) -> float:
    sizes = [s.pieces if row.basis == "piece" else 1.0 for s in samples]
    pooled = sum(s.minutes for s in samples) / sum(sizes)
    basis = WorkTime("piece" if row.basis == "piece" else "order", pooled, row.cv, "")
    return unit_minutes(basis, samples, unit.id)
