"""The live twin on a terminal: a table of work units, orders to look after, and the alerts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

ORDERS_SHOWN = 10
SURE = 0.995
"""Orders that are surer than this and not behind are not shown."""
_COLOURS = {"alarm": "bold red", "warning": "yellow", "note": "cyan", "down": "red",
            "repair": "red", "maintenance": "magenta", "working": "green"}  # fmt: skip


def screen(live: Mapping[str, Any]) -> Group:
    """Everything on one screen."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Any] = [Text(headline(live), style="bold"), unit_table(live)]
    if any(_is_shown(row) for row in live["orders"]):
        parts.append(order_table(live))
    return Group(*parts, alert_table(live))


def as_text(live: Mapping[str, Any], width: int = 120) -> str:
    """The same without colours."""
    from rich.console import Console

    out = StringIO()
    Console(file=out, width=width, no_color=True).print(screen(live))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def headline(live: Mapping[str, Any]) -> str:
    """Which plant and plan, as of when, and how old the data are."""
    name = live["plant"]["name"] or live["plant"]["id"]
    newest = live["data"]["newest"]
    age = f"last event {clock(live, newest)}" if newest else "no event yet"
    words = f"{name} · as of {clock(live, live['at'], seconds=True)} · {age}"
    words += f" · plan {live['plan']['run']}"
    if live["data"]["trouble"]:
        words += f"\nthe feed cannot be read: {live['data']['trouble']}"
    if live["forecast"]["trouble"]:
        words += f"\nno forecast: {live['forecast']['trouble']}"
    return words


def unit_table(live: Mapping[str, Any]) -> Table:
    """Work unit, what it does since when, for which order, and what the plan has there."""
    table = _table("work unit", "state", "since", "order", "operation", "done", "behind", "plan")
    for unit in live["units"]:
        state = unit["state"] or "unknown"
        reason = f" ({unit['reason']})" * bool(unit["reason"] and state != "setup")
        done = f"{unit['done']:.0%}" if unit["done"] is not None and unit["order"] else ""
        table.add_row(
            unit["id"], _coloured(state, state + reason),
            clock(live, unit["since"]) if unit["since"] else "", unit["order"], unit["operation"],
            done, _signed(unit["behind_min"]), "" if unit["as_planned"] else _planned(unit),
        )  # fmt: skip
    return table


def _planned(unit: Mapping[str, Any]) -> str:
    planned = unit["planned"]
    if not planned["kind"]:
        return "nothing planned" if unit["order"] else ""
    return f"{planned['kind']} {planned['order'] or planned['task']}".strip()


def order_table(live: Mapping[str, Any]) -> Table:
    """The orders least sure to be on time."""
    table = _table("order", "next", "due", "expected", "behind", "on time", "at plan time")
    rows = sorted((row for row in live["orders"] if _is_shown(row)), key=_chance)
    for row in rows[:ORDERS_SHOWN]:
        expected = clock(live, row["expected_end"]) if row["expected_end"] else "unknown"
        was = row["chance_planned"]
        table.add_row(
            row["order"], f"{row['operation']} {row['work_unit']}", clock(live, row["due"]),
            expected, _signed(row["behind_min"]), f"{_chance(row):.0%}" if row["chance"] else "",
            "" if was is None else f"{was:.0%}",
        )  # fmt: skip
    return table


def _is_shown(row: Mapping[str, Any]) -> bool:
    return bool(row["chance"]) and _chance(row) < SURE


def _chance(row: Mapping[str, Any]) -> float:
    return float(row["chance"][0]) if row["chance"] else 1.0


def alert_table(live: Mapping[str, Any]) -> Table:
    """What is out of the ordinary; the gravest first."""
    from rich.text import Text

    table = _table("alert", "since", "what, and what to do")
    for alert in live["alerts"]:
        words = f"{alert['what']}; {alert['expected']}; {alert['remedy']}"
        table.add_row(
            _coloured(alert["severity"], alert["severity"]), clock(live, alert["since"]),
            Text(words),
        )  # fmt: skip
    if not live["alerts"]:
        table.add_row("", "", "nothing out of the ordinary")
    return table


def alert_line(live: Mapping[str, Any], what: str, alert: Mapping[str, Any]) -> str:
    """One line of a journal: an alert raised or cleared."""
    at = clock(live, live["at"], seconds=True)
    if what == "cleared":
        return f"{at} cleared {alert['kind']} {alert['subject']}: {alert['what']}"
    return (
        f"{at} {alert['severity']} {alert['kind']} {alert['subject']}: {alert['what']}; "
        f"{alert['expected']}; {alert['remedy']}"
    )


def clock(live: Mapping[str, Any], instant: str, *, seconds: bool = False) -> str:
    """An instant on the plant's clock, with the day where it is not today."""
    zone = ZoneInfo(live["plant"]["timezone"])
    at, now = (datetime.fromisoformat(t).astimezone(zone) for t in (instant, live["at"]))
    form = "%H:%M:%S" if seconds else "%H:%M"
    return f"{at:{form}}" if at.date() == now.date() else f"{at:%a %d %b {form}}"


def _signed(minutes: float | None) -> str:
    """Behind in words: minutes, or hours and minutes; ahead with a minus."""
    if minutes is None or abs(minutes) < 1:
        return ""
    sign, whole = "−" if minutes < 0 else "+", round(abs(minutes))
    return f"{sign}{whole} min" if whole < 120 else f"{sign}{whole // 60} h {whole % 60:02d}"


def _coloured(key: str, words: str) -> Any:
    from rich.text import Text

    return Text(words, style=_COLOURS.get(key, ""))


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    for name in columns:
        table.add_column(name, justify="right" if name in ("done", "behind", "on time") else "left")
    return table
