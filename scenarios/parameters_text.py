"""Which parameters are in force and why, and the nights before, in plain text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from scenarios.parameter_store import Night

BARS = "▁▂▃▄▅▆▇█"
MOST_ALARMS = 5
VERDICTS = {"first": "first", "accepted": "new", "kept": "old kept"}


def in_force(night: Night) -> str:
    """One night: whose parameters, why, and what had drifted."""
    who = "tonight's" if night.since == night.cut_off else f"those of {moment(night.since)}"
    lines = [f"parameters in force: {who}; {night.why}"]
    lines += [f"alarm: {drift}" for drift in night.drifts[:MOST_ALARMS]]
    if (rest := len(night.drifts) - MOST_ALARMS) > 0:
        lines.append(f"and {rest} earlier alarms")
    return "\n".join(lines)


def history_text(nights: Sequence[Night]) -> str:
    """A row for every night, the latest first, and the line of the duels' outcomes."""
    from scenarios.report_text import table

    if not nights:
        return "no night has published yet: no parameters are in force"
    head = ("night", "parameters", "in force", "error ratio", "90 %", "days", "alarms", "lasting")
    rows = [row_of(night) for night in reversed(nights)]
    parts = [table(head, rows)]
    if line := ratio_line([n.duel.ratio for n in nights if n.duel]):
        parts.append(line)
    parts.append(
        "error ratio: of the challenger's forecasts over the champion's, on the same days; it is "
        "kept out where the whole range is above 1, or the ratio above 1.1 (both up to 0.1 higher "
        "where the champion had been fitted to the days)"
    )
    return "\n".join([*parts, in_force(nights[-1])])


def row_of(night: Night) -> tuple[str, ...]:
    """The cells of a night."""
    duel = night.duel
    return (
        moment(night.cut_off),
        VERDICTS[night.verdict],
        f"of {moment(night.since)}",
        f"{duel.ratio:.3f}" if duel else "–",
        f"{duel.low:.3f} to {duel.high:.3f}" if duel else "–",
        str(len(duel.days)) if duel else "–",
        str(len(night.drifts)),
        str(sum(drift.is_lasting for drift in night.drifts)),
    )


def ratio_line(ratios: Sequence[float]) -> str:
    """Bars from the lowest ratio to the highest, in the order of the nights.

    >>> ratio_line([1.0, 0.98, 1.02])
    'error ratio by night: ▄▁█ (0.980 to 1.020)'
    """
    if len(ratios) < 2:
        return ""
    low, high = min(ratios), max(ratios)
    width = (high - low) or 1.0
    bars = "".join(BARS[int((r - low) / width * (len(BARS) - 1))] for r in ratios)
    return f"error ratio by night: {bars} ({low:.3f} to {high:.3f})"


def moment(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}"
