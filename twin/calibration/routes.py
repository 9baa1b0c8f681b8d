"""Orders of a log as sequences of operations, and the few routes that stand for them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from statistics import median

from twin.calibration.reports import WorkReport

Route = tuple[str, ...]

SETTLING = timedelta(days=7)
"""Orders first seen this soon after the start of a log may have begun before it; orders active this
late before its end may go on after it."""
DONE_SHARE = 0.8
"""An operation with this share of the order's pieces is as good as done."""


@dataclass
class Case:
    """One order as the log tells it."""

    order: str
    reports: list[WorkReport] = field(default_factory=list)
    """By start."""

    @property
    def sequence(self) -> Route:
        """Operations in the order they first occur."""
        return tuple(dict.fromkeys(r.operation for r in self.reports))

    @property
    def first(self) -> datetime:
        return self.reports[0].start

    @property
    def last(self) -> datetime:
        return max(r.end for r in self.reports)

    @property
    def pieces(self) -> dict[str, float]:
        """Pieces reported by operation."""
        found: dict[str, float] = defaultdict(float)
        for r in self.reports:
            found[r.operation] += r.pieces
        return dict(found)

    @property
    def quantity(self) -> float:
        """Pieces of the order: the median over its operations that report any; 0 for none."""
        counts = [n for n in self.pieces.values() if n > 0]
        return float(median(counts)) if counts else 0.0

    @property
    def had(self) -> frozenset[str]:
        """Operations that report most of the order's pieces."""
        least = DONE_SHARE * self.quantity
        return frozenset(o for o, n in self.pieces.items() if n >= max(least, 1))

    def before(self, instant: datetime) -> Case:
        """What was known of it then: an open report has no pieces yet."""
        known = [r for r in self.reports if r.start < instant]
        return Case(self.order, [replace(r, pieces=0.0) if r.end > instant else r for r in known])


def cases(reports: Iterable[WorkReport]) -> dict[str, Case]:
    """Every order with its work and setups, by first report."""
    found: dict[str, Case] = {}
    for report in reports:
        if report.kind != "break" and report.order:
            found.setdefault(report.order, Case(report.order)).reports.append(report)
    return found


@dataclass(frozen=True)
class Closing:
    """How an order's end shows in the log."""

    operation: str
    """An order that has had this operation for most of its pieces is usually over."""
    accuracy: float
    """Share of past judgements that the rest of the log confirms."""


def find_closing(found: dict[str, Case], start: datetime, until: datetime) -> Closing:
    """The operation that best tells which orders are over, judged on the log's own past.

    At every day between the first and the last week, each order known by then is called over if it
    has had the operation for most of its pieces; the log after that day says whether it was.
    """
    days = [start + timedelta(days=n) for n in range(7, (until - SETTLING - start).days + 1)]
    days = days or [start + (until - start) / 2]
    judged: list[tuple[frozenset[str], bool]] = []
    for day in days:
        for case in found.values():
            if case.first < day:
                had = case.before(day).had
                judged.append((had, all(r.start < day for r in case.reports)))
    names = sorted({r.operation for case in found.values() for r in case.reports})
    scores = {
        name: sum((name in had) == is_over for had, is_over in judged) / max(len(judged), 1)
        for name in names
    }
    best = max(names, key=lambda name: scores[name])
    return Closing(best, scores[best])


def whole_cases(found: dict[str, Case], start: datetime, closing: Closing) -> list[Case]:
    """Orders seen from first to last operation; those begun in the first week only if need be."""
    over = [case for case in found.values() if closing.operation in case.had]
    young = [case for case in over if case.first >= start + SETTLING]
    return young if len(young) >= 10 or not over else over


def route_variants(whole: Sequence[Case], most: int, least_cases: int) -> list[tuple[Route, int]]:
    """Routes that stand for all whole orders, with the orders each stands for; frequent first.

    Operations that fewer than ``least_cases`` orders have are left out of routes. A sequence kept
    for itself occurs at least ``least_cases`` times, or is the most frequent with an operation that
    no other has; the rest count for the nearest one kept. Without a whole order there is none.
    """
    common = Counter(o for case in whole for o in case.sequence)
    reduced = [tuple(o for o in case.sequence if common[o] >= least_cases) for case in whole]
    counts = Counter(r for r in reduced if r)
    if not counts:
        return []
    ranked = sorted(counts, key=lambda r: (-counts[r], r))
    kept = [r for r in ranked if counts[r] >= least_cases][:most] or ranked[:1]
    for operation in sorted(common, key=lambda o: (-common[o], o)):
        if common[operation] >= least_cases and not any(operation in r for r in kept):
            kept += [next(r for r in ranked if operation in r)] if len(kept) < most else []
    share = dict.fromkeys(kept, 0)
    for route, n in counts.items():
        share[nearest(route, kept)] += n
    return sorted(share.items(), key=lambda row: (-row[1], row[0]))


def nearest(route: Route, routes: Sequence[Route]) -> Route:
    """The first of the routes with the least distance."""
    return min(routes, key=lambda other: distance(route, other))


def distance(a: Route, b: Route) -> int:
    """Operations in one route only, plus those that must move to bring the common ones in order.

    >>> distance(("turn", "grind", "pack"), ("turn", "pack", "grind", "mark"))
    2
    """
    common = set(a) & set(b)
    place = {operation: n for n, operation in enumerate(b)}
    order = [place[o] for o in a if o in common]
    return len(set(a) ^ set(b)) + len(order) - _longest_rise(order)


def _longest_rise(values: Sequence[int]) -> int:
    """Length of the longest increasing subsequence."""
    best: list[int] = []
    for n, value in enumerate(values):
        best.append(1 + max((best[i] for i in range(n) if values[i] < value), default=0))
    return max(best, default=0)


def prefix_distance(done: Route, route: Route) -> int:
    """Distance of what an order has done to the part of a route up to the last of it."""
    places = [route.index(o) for o in done if o in route]
    return distance(done, route[: max(places) + 1] if places else ())
