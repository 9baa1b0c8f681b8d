"""A diagnosis as text: what was received, what is wrong, what it costs, what it can carry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twin.calibration.diagnosis import Diagnosis

MOST = 12
"""Rows of a list; how many more there are is said."""
BAR = 24
"""Characters of the longest bar."""


def diagnosis_text(d: Diagnosis) -> str:
    """Every part of a diagnosis that has something to say."""
    parts = (_received, _findings, _registries, _signals, _stop_codes, _losses, _readiness)
    return "\n".join(line for part in parts for line in part(d))


def _received(d: Diagnosis) -> Iterator[str]:
    span = f" from {d.begin:%Y-%m-%d %H:%M}" if d.begin else ""
    until = f"{d.until:%Y-%m-%d %H:%M} ({d.timezone})"
    yield f"{d.source or 'log'}: {d.events} events{span} until {until}"
    if d.refusal:
        yield f"REFUSED: {d.refusal}"
    yield f"{len(d.clean)} events can be used"
    for detail in d.details:
        yield (f"  {detail.action}: {detail.count} × {detail.reason}; for example {detail.example}")


def _findings(d: Diagnosis) -> Iterator[str]:
    if d.findings:
        yield "findings"
    for finding in d.findings:
        yield f"  {finding}"


def _registries(d: Diagnosis) -> Iterator[str]:
    if d.mismatches:
        yield "names that do not match"
    for mismatch in d.mismatches:
        yield f"  {mismatch}"


def _signals(d: Diagnosis) -> Iterator[str]:
    touched = [g for g in d.signal_gaps if g.gaps or g.overlaps]
    rows = [
        [g.work_unit, str(g.gaps), f"{g.gap_minutes:.0f}", str(g.overlaps),
         f"{g.overlap_minutes:.0f}"]
        for g in touched
    ]  # fmt: skip
    head = ["work unit", "silences", "min of shift", "overlapping lots", "min"]
    yield from _table("silences in shifts and overlapping lots", head, rows)
    rows = [[t.work_unit, f"{t.before} to {t.after}", str(t.count), t.meaning]
            for t in d.transitions]  # fmt: skip
    yield from _table("states that cannot follow each other",
                      ["work unit", "change", "times", "what it means"], rows)  # fmt: skip
    odd = [e for e in d.energy if e.is_odd]
    rows = [
        [e.work_unit, f"{e.metered_kwh:.0f}", f"{e.nominal_kwh:.0f}",
         f"{e.unexplained_kwh:.0f} ({e.unexplained_share:.0%})"]
        for e in sorted(odd, key=lambda e: -e.unexplained_share)
    ]  # fmt: skip
    head = ["work unit", "metered", "plant file expects", "no power by state explains"]
    yield from _table("meters that the states do not explain [kWh]", head, rows)
    if d.energy and not odd:
        worst = max(d.energy, key=lambda e: e.unexplained_share)
        yield (
            f"meters: the states explain all {len(d.energy)}, but for at most "
            f"{worst.unexplained_share:.0%} ({worst.work_unit})"
        )


def _stop_codes(d: Diagnosis) -> Iterator[str]:
    rows = [
        [c.work_unit or "plant", str(c.stops), str(c.reasons),
         f"{c.commonest or 'no reason'} {c.commonest_share:.0%}", f"{c.expected_share:.0%}",
         f"{c.entropy:.2f}", f"{c.expected_entropy:.2f}", f"{c.wordless_share:.0%}", c.meaning]
        for c in d.stop_codes if not c.work_unit or c.meaning
    ]  # fmt: skip
    head = ["work unit", "stops", "reasons", "commonest", "expected", "entropy", "expected",
            "says nothing", "meaning"]  # fmt: skip
    yield from _table("reasons of stops (entropy 1: all equally often, 0: one word)", head, rows)


def _losses(d: Diagnosis) -> Iterator[str]:
    rows = d.losses.rows
    if not rows:
        return
    yield "losses, the largest first"
    if d.losses.bottleneck:
        yield (
            f"  bottleneck of the past, by this log: {d.losses.bottleneck}, busy "
            f"{d.losses.busy_share:.0%} of its shifts; an hour lost there (*) is an hour of the "
            "plant (that of the days ahead: noria simulate)"
        )
    total = sum(hours for _, hours, _ in d.losses.by_kind())
    kinds = [f"{kind} {hours:.0f} h ({hours / total:.0%})"
             for kind, hours, _ in d.losses.by_kind() if hours]  # fmt: skip
    yield f"  by kind: {', '.join(kinds)}"
    counted = [r for r in rows if r.is_counted]
    most = max((r.hours for r in counted), default=0.0)
    for r in counted[:MOST]:
        bar = "█" * max(round(BAR * r.hours / most), 1) if most else ""
        what = f"{r.work_unit}{'*' if r.at_bottleneck else ''} {r.kind} {r.reason}".strip()
        money = f", {_money(r.cost, d)}" if r.cost else ""
        yield (
            f"  {what:<34.34} {bar:<{BAR}} {r.hours:7.1f} h {r.share:4.0%}  "
            f"{r.count} {r.counted}{money}"
        ).rstrip()
    if len(counted) > MOST:
        rest = sum(r.hours for r in counted[MOST:])
        yield f"  and {len(counted) - MOST} more, {rest:.1f} h"
    dear = sorted((r for r in rows if r.cost > 0), key=lambda r: -r.cost)[:5]
    if dear:
        names = (" ".join(w for w in (r.work_unit, r.kind, r.reason) if w) for r in dear)
        words = (f"{name} {_money(r.cost, d)}" for name, r in zip(names, dear, strict=True))
        yield f"  dearest: {'; '.join(words)}"
    waits = [r for r in rows if not r.is_counted]
    if waits:
        hours = sum(r.hours for r in waits)
        yield f"  not in the shares: {hours:.0f} h waiting or blocked away from the bottleneck"
    yield f"  {d.losses.counted}"


def _money(amount: float, d: Diagnosis) -> str:
    return f"{amount:,.0f} {d.losses.currency}"


def _readiness(d: Diagnosis) -> Iterator[str]:
    yield "what the log can carry"
    for name, r in d.readiness.items():
        missing = f"; {r.missing}" if r.missing else ""
        yield f"  {name.replace('_', ' ')}: {r.verdict}, {r.n} {r.what}{missing}"


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A titled table with its columns in line; nothing where it has no rows."""
    if not rows:
        return
    yield title
    shown = rows[:MOST]
    widths = [max(len(row[i]) for row in (head, *shown)) for i in range(len(head))]
    for row in (head, *shown):
        yield "  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
    if len(rows) > MOST:
        yield f"  and {len(rows) - MOST} more"
