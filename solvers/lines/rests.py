"""Which modes a line may have to pass through between two items; all others cannot help.

A mode g can be left out if whatever passes through it, from x over g to y, costs at least as much
as going from x to y directly and resting in x or y for the remaining time. That is so for the
families of a plant whose setups obey the triangle inequality, and not for off.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from solvers.lines.problem import Line, LineProblem, Transition


def rests_of(line: Line, problem: LineProblem, *, is_strict: bool) -> list[int]:
    """Modes worth passing through, of line problem's line.

    Parameters
    ----------
    is_strict : bool
        Leave out only what is proven useless. Otherwise also a mode whose only use is a setup in
        two parts, with closed slots between them, in place of one that is no longer than both.
    """
    if is_strict and not _is_dearer_with_power(problem):
        return list(range(line.modes))
    return [g for g in range(line.modes) if not _is_useless(line, g, is_strict=is_strict)]


def _is_dearer_with_power(problem: LineProblem) -> bool:
    """Whether more power never costs less."""
    site = problem.site
    return bool(np.all(site.rate >= 0)) and site.feed_in_per_kwh >= 0


def _is_useless(line: Line, g: int, *, is_strict: bool) -> bool:
    into = [t for t in line.transitions if t.end == g and t.start != g]
    out = [t for t in line.transitions if t.start == g and t.end != g]
    if line.last_mode is None and any(not _can_stay(line, t) for t in into):
        return False
    return all(_is_replaced(line, a, b, is_strict=is_strict) for a, b in product(into, out))


def _can_stay(line: Line, way: Transition) -> bool:
    """Whether staying where one is costs no more than going there and resting."""
    stay = line.hold_kw[way.start]
    return _is_below(stay, way) and stay <= line.hold_kw[way.end]


def _is_below(power_kw: float, way: Transition) -> bool:
    return power_kw <= way.power_kw or not way.slots


def _is_replaced(line: Line, a: Transition, b: Transition, *, is_strict: bool) -> bool:
    """Whether a, a rest and b can be done for no more by resting and one transition."""
    x, y, rest = line.hold_kw[a.start], line.hold_kw[b.end], line.hold_kw[a.end]
    if a.start == b.end:
        return _is_below(x, a) and _is_below(x, b) and x <= rest and a.fee + b.fee >= 0
    direct = [t for t in line.transitions if (t.start, t.end) == (a.start, b.end)]
    return any(
        d.fee <= a.fee + b.fee
        and (_is_first(d, a, b, y, rest) or _is_last(d, a, b, x, rest)
             or (not is_strict and _is_no_longer(d, a, b)))
        for d in direct
    )  # fmt: skip


def _is_first(d: Transition, a: Transition, b: Transition, after_kw: float, rest: float) -> bool:
    """The direct transition in the slots of the first, then rest."""
    return (
        d.slots <= a.slots
        and (a.needs_shift or not d.needs_shift or not d.slots)
        and (d.power_kw <= a.power_kw or not d.slots)
        and (after_kw <= a.power_kw or d.slots == a.slots)
        and after_kw <= rest
        and _is_below(after_kw, b)
    )


def _is_last(d: Transition, a: Transition, b: Transition, before_kw: float, rest: float) -> bool:
    """Rest, then the direct transition in the slots of the second."""
    return (
        d.slots <= b.slots
        and (b.needs_shift or not d.needs_shift or not d.slots)
        and (d.power_kw <= b.power_kw or not d.slots)
        and (before_kw <= b.power_kw or d.slots == b.slots)
        and before_kw <= rest
        and _is_below(before_kw, a)
    )


def _is_no_longer(d: Transition, a: Transition, b: Transition) -> bool:
    """The triangle inequality, in slots and in energy."""
    return (
        d.slots <= a.slots + b.slots
        and d.slots * d.power_kw <= a.slots * a.power_kw + b.slots * b.power_kw
        and (d.needs_shift <= max(a.needs_shift, b.needs_shift))
    )
