"""Why it moved: the report's table of moves since last night, those of the frozen window first."""

from __future__ import annotations

from html import escape

from dashboards.figures import numbers
from dashboards.report_sections import MOST_ROWS, empty, table
from scenarios.moves_text import IN_WORDS, summary
from twin.accounting.moves import Move, Moves
from twin.model.schedule import Schedule

HEAD = [("Operation", "nowrap"), ("Was", "nowrap"), ("Is", "nowrap"), ("Because", "")]


def moves_body(moves: Moves, schedule: Schedule) -> str:
    """The counts in a sentence, then every move with old and new place and its reason."""
    counts = ", ".join(f"{IN_WORDS[reason]} {n}" for reason, n in moves.reasons.items())
    said = [summary(moves)]
    if moves.gone:
        said.append(f"frozen, no longer in the order book: {', '.join(moves.gone)}")
    if counts:
        said.append(f"reasons: {counts}")
    body = "".join(f"<p>{escape(words[0].upper() + words[1:])}.</p>" for words in said)
    if not moves.moves:
        return body
    rows = sorted(moves.moves, key=lambda m: not m.is_frozen)
    body += table(HEAD, [_row(m, schedule) for m in rows[:MOST_ROWS]])
    rest = len(rows) - MOST_ROWS
    return body + (empty(f"and {rest} more, in changes.json of the drop") if rest > 0 else "")


def _row(move: Move, schedule: Schedule) -> list[str]:
    local = schedule.horizon.local
    was, now = (
        f"{escape(unit)} {escape(numbers.short_moment(local(minute)))}"
        for unit, minute in ((move.before_unit, move.before_start), (move.unit, move.start))
    )
    mark = '<span class="second">frozen</span>' if move.is_frozen else ""
    why = f'{escape(IN_WORDS[move.reason])}<span class="second">{escape(move.words)}</span>'
    return [f"<strong>{escape(move.what)}</strong>{mark}", was, now, why]
