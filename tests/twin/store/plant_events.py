"""Events to store in tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from twin.store.record import Event

START = datetime(2026, 3, 2, 6, tzinfo=UTC)


def ended(number: int, key: str = "", **changes: object) -> Event:
    """The end of lot ``number``, a minute after that of the one before."""
    values: dict[str, object] = {
        "key": key or f"line-1:{number}",
        "time": START + timedelta(minutes=number),
        "event": "end",
        "work_unit": f"PRESS-{number % 3}",
        "order": str(4711 + number // 10),
        "operation": "press",
        "product": "M8",
        "lot": f"L{number}",
        "quantity": 100.0 + number,
        "scrap": float(number % 4),
    }
    return Event(**{**values, **changes})  # type: ignore[arg-type]


def state(minute: float, state: str, unit: str = "PRESS-1", **changes: object) -> Event:
    """A unit enters a state so many minutes after START."""
    values: dict[str, object] = {
        "key": f"{unit}:{minute}:{state}",
        "time": START + timedelta(minutes=minute),
        "event": "state",
        "work_unit": unit,
        "state": state,
    }
    return Event(**{**values, **changes})  # type: ignore[arg-type]


def meter(number: int, **changes: object) -> Event:
    values: dict[str, object] = {
        "key": f"meter:{number}",
        "time": START + timedelta(minutes=15 * number),
        "event": "meter",
        "quantity": 2.5,
    }
    return Event(**{**values, **changes})  # type: ignore[arg-type]
