"""A first plant description read from nothing but an event log.

A log with states of machines and the names of products shows nearly everything
(:mod:`twin.calibration.discover_states`); one of work reports shows who does which operation and
how long it takes (:mod:`twin.calibration.discover_reports`). What cannot be told is left at a
neutral value and said so in the notes.

Open orders at a cut-off are found by :func:`open_orders` (see :mod:`twin.calibration.open_orders`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from twin.calibration.discover_reports import EARLIER, discover_reports, end_of
from twin.calibration.discover_states import discover_states
from twin.calibration.open_orders import open_orders
from twin.calibration.plant_text import Discovery, Note, plant_yaml
from twin.calibration.reports import shows_states
from twin.errors import UnfitData
from twin.model.events import EventLog

__all__ = ["Discovery", "Note", "discover", "open_orders", "plant_yaml", "shows_states"]


def discover(
    log: EventLog,
    *,
    id: str,
    timezone: str,
    until: datetime | None = None,
    name: str = "",
    currency: str = "EUR",
    same: Mapping[str, str] | None = None,
    most_products: int = 12,
    least_cases: int = 2,
    working_kw: float | None = None,
    standby_kw: float | None = None,
) -> Discovery:
    """Describe the plant behind a log, from the events before ``until`` only.

    Parameters
    ----------
    same
        Operations that are another one under a different name; for logs of reports.
    most_products, least_cases
        For logs of reports: a product is a route that at least ``least_cases`` complete orders
        took, at most ``most_products`` of them; rarer routes count for the nearest.
    working_kw, standby_kw
        Power of every work unit that has no meter, an assumption. Without it power is 0 there and
        energy cannot be judged; the notes say which.

    Raises
    ------
    UnfitData
        When no work is reported, or no order of the log is complete.
    """
    if not len(log):
        raise UnfitData(f"{log.source}: no event before the cut-off; {EARLIER}")
    until = until or end_of(log)
    if shows_states(log):
        return discover_states(
            log.until(until), id=id, timezone=timezone, until=until, name=name, currency=currency,
            working_kw=working_kw, standby_kw=standby_kw,
        )  # fmt: skip
    return discover_reports(
        log, id=id, timezone=timezone, until=until, name=name, currency=currency, same=same,
        most_products=most_products, least_cases=least_cases, working_kw=working_kw,
        standby_kw=standby_kw,
    )  # fmt: skip
