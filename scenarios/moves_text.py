"""What moved since last night, in a few lines of plain text."""

from __future__ import annotations

from twin.accounting.moves import Move, Moves
from twin.model.horizon import Horizon

MOST_MOVES = 12
"""Moves shown; all of them are in the drop's ``changes.json`` and in ``--json``."""
IN_WORDS = {
    "unit_down": "unit down", "unit_busy": "unit busy", "late_batch": "batch comes later",
    "setup": "setup anew", "late_start": "not begun when planned", "closed": "unit closed",
    "cannot": "unit cannot any more", "no_room": "buffer full", "service": "maintenance first",
    "crew": "crew busy", "not_due": "outside its window", "unplaced": "no place for the rest",
    "unit_gone": "unit gone", "maintenance": "maintenance in its place",
    "new_order": "new order in its place", "less_late": "order less late",
    "cheaper_energy": "cheaper energy", "other_order": "other order in its place",
    "replanned": "replanned",
}  # fmt: skip


def moves_text(moves: Moves, horizon: Horizon) -> str:
    """Counts, reasons, and the first moves: those of the frozen window before the others."""
    from scenarios.report_text import table

    lines = [summary(moves)]
    if moves.gone:
        lines.append(f"frozen, no longer in the order book: {', '.join(moves.gone)}")
    if moves.moves:
        counted = ", ".join(f"{IN_WORDS[r]} {n}" for r, n in moves.reasons.items())
        shown = sorted(moves.moves, key=lambda m: not m.is_frozen)[:MOST_MOVES]
        head = ("operation", "was", "is", "because")
        lines += [f"reasons: {counted}", table(head, [_row(m, horizon) for m in shown])]
        if len(moves.moves) > len(shown):
            lines.append(f"  and {len(moves.moves) - len(shown)} more")
    return "\n".join(lines)


def summary(moves: Moves) -> str:
    """One line: how many moved, and how many of the frozen ones were kept."""
    text = (
        f"against last night's plan: {len(moves.moves)} of {moves.compared} operations and tasks "
        f"moved, {len(moves.new_orders)} new orders"
    )
    if moves.frozen:
        text += f"; frozen window: {moves.kept} of {moves.frozen} kept to the minute"
    return text


def _row(move: Move, horizon: Horizon) -> tuple[str, ...]:
    mark = " (frozen)" if move.is_frozen else ""
    was, now = (
        f"{unit} {horizon.local(minute):%a %H:%M}"
        for unit, minute in ((move.before_unit, move.before_start), (move.unit, move.start))
    )
    return f"{move.what}{mark}", was, now, f"{IN_WORDS[move.reason]}: {move.words}"
