"""The pin factory as Noria sees it, plans for it, and an outbox for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.services.tryton_plant import CENTERS, MONDAY, PRODUCTS
from tests.services.trytond import Erp
from twin.erp.signature import PlanToPublish
from twin.erp.tryton import TrytonErp
from twin.model.base import validate
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant
from twin.model.schedule import Schedule, Segment

ZONE = ZoneInfo("Africa/Casablanca")
CUT_OFF = datetime(2026, 11, 23, 5, 0, tzinfo=ZONE)
HOURS = 2.0
"""Of each operation."""


def pin_plant() -> Plant:
    return Plant.model_validate(
        {
            "id": "pins",
            "timezone": ZONE.key,
            "areas": [{"id": "hall"}],
            "operations": [{"id": operation} for operation in CENTERS],
            "routes": [{"id": "pins", "operations": list(CENTERS)}],
            "products": [{"id": p, "family": "pins", "route": "pins"} for p in PRODUCTS],
            "work_units": [
                {
                    "id": unit,
                    "area": "hall",
                    "processing": [{"operation": operation, "basis": "piece", "time": {"*": 1.0}}],
                }
                for operation, units in CENTERS.items()
                for unit in units
            ],
        }
    )


def tryton(erp: Erp, **settings: Any) -> TrytonErp:
    return validate({**erp.settings, **settings}, TrytonErp, "erp")


def orders(ids: Sequence[str], quantity: int = 100) -> OrderBook:
    """As :func:`tests.services.tryton_plant.add_productions` enters them."""
    due = CUT_OFF + timedelta(days=9)
    return OrderBook(
        tuple(WorkOrder(id, PRODUCTS[n % 2], quantity, CUT_OFF, due) for n, id in enumerate(ids))
    )


def plan_of(
    ids: Sequence[str],
    days: Mapping[str, int] | None = None,
    *,
    hour: float = 6,
    run: str = "run-1",
    unit: int = 0,
    done: int = 0,
    frozen_until: datetime | None = None,
    book: OrderBook | None = None,
) -> PlanToPublish:
    """A plan that starts each order at an hour of a day from Monday on, its operations in a row.

    ``days`` overrides the day (the order's number in the list, modulo five); ``unit`` is which of
    the work units of an operation is taken, where there are two; ``done`` operations are done.
    """
    segments = []
    for number, id in enumerate(ids):
        day = (days or {}).get(id, number % 5)
        start = (day * 24 + hour - 5) * 60
        for k, (operation, units) in enumerate(CENTERS.items()):
            if k >= done:
                begin = start + k * HOURS * 60
                place = units[min(unit, len(units) - 1)]
                end = begin + HOURS * 60
                segments.append(Segment(place, begin, end, "work", id, operation))
    horizon = Horizon(CUT_OFF, 14 * 1440, ZONE.key)
    schedule = Schedule(horizon, tuple(sorted(segments)))
    book = book or orders(ids)
    return PlanToPublish(run, schedule, pin_plant(), book, frozen_until=frozen_until)


def day(number: int) -> date:
    """Day of a plan of :func:`plan_of`."""
    return MONDAY + timedelta(days=number)


class Outbox:
    """Remembers in a JSON file, durable on return; what the nightly job does with a database."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def last(self, record: str) -> Mapping[str, Any] | None:
        return self._read()["last"].get(record)

    def intended(self, record: str) -> Mapping[str, Any] | None:
        return self._read()["intended"].get(record)

    def note(self, record: str, values: Mapping[str, Any]) -> None:
        kept = self._read()
        kept["intended"][record] = dict(values)
        self._write(kept)

    def confirm(self, record: str) -> None:
        kept = self._read()
        kept["last"][record] = kept["intended"].pop(record)
        self._write(kept)

    def _read(self) -> dict[str, dict[str, Any]]:
        if not self.path.exists():
            return {"last": {}, "intended": {}}
        found: dict[str, dict[str, Any]] = json.loads(self.path.read_text(encoding="utf-8"))
        return found

    def _write(self, kept: Mapping[str, Any]) -> None:
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(kept), encoding="utf-8")
        part.replace(self.path)
