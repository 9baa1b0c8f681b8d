"""Where jobs go after an operation: shares of a route's branches, counted job by job.

After every end of a branched operation the job's next start tells the way it took; a job that
starts no more has come to its end, or was scrapped. Shares are Dirichlet: each way known from the
plant file or seen counts half a job before anything is seen (Jeffreys' prior), so that a way that
was never taken keeps a small share and an interval.

Shares are told by work unit, whose jobs may be good or bad; the route takes all of them together.
Only products whose orders move as one job are counted: of an order in several jobs the log does not
say which of them came to its end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pandas as pd
from scipy import stats

from twin.calibration.activity import LOT_KEY, Activity
from twin.calibration.estimates import ParameterEstimate
from twin.model.network import Branch
from twin.model.plant import Plant, Route

PRIOR = 0.5
"""Jobs that each way is worth before any is seen."""
ARROW = " → "
END, SCRAP = "end", "scrap"
AGAIN = r"-again(\d+)$"
"""How :mod:`twin.simulation.log` names a lot that is worked once more."""


def branch_shares(counts: Mapping[str, float]) -> dict[str, tuple[float, float, float]]:
    """Posterior mean and 95 % credible interval of each way's share, zero counts among them.

    The interval is Jeffreys' (Brown, Cai & DasGupta 2001, Stat. Sci. 16), each way against the
    rest; it begins at 0 where a way was never taken, and ends at 1 where no other was.
    """
    total = sum(counts.values())
    weight = PRIOR * 2
    found = {}
    for way, n in counts.items():
        mean = (n + weight / max(len(counts), 1)) / (total + weight)
        a, b = n + PRIOR, total - n + PRIOR
        low, high = (float(x) for x in stats.beta.ppf([0.025, 0.975], a, b))
        found[way] = (mean, 0.0 if n == 0 else low, 1.0 if n == total > 0 else high)
    return found


def transitions(sequences: Iterable[Sequence[str]]) -> dict[str, Counter[str]]:
    """How often each operation follows each; ``end`` follows the last of a sequence."""
    found: dict[str, Counter[str]] = {}
    for sequence in sequences:
        for before, after in zip(sequence, [*sequence[1:], END], strict=True):
            found.setdefault(before, Counter())[after] += 1
    return found


def routing_estimates(activity: Activity) -> Iterator[ParameterEstimate]:
    """Shares of every branch, by the work unit that did the operation before it."""
    plant = activity.plant
    branched = [route for route in plant.routes if route.branches]
    if not branched:
        return
    steps = _steps(activity)
    for route in branched:
        products = {p.id for p in plant.products if p.route == route.id and p.moves_by == "order"}
        mine = steps[steps["product"].isin(products)]
        for branch in route.branches:
            after = mine[mine["operation"] == branch.after]
            for unit, rows in after.groupby("work_unit", sort=True):
                yield from _of_branch(str(unit), branch, rows["way"], _prefix(plant, route, branch))


def _prefix(plant: Plant, route: Route, branch: Branch) -> str:
    """Name of the route before a key, where other routes branch after the same operation."""
    others = [r for r in plant.routes if r is not route]
    is_shared = any(b.after == branch.after for r in others for b in r.branches)
    return f"{route.id}/" if is_shared else ""


def _steps(activity: Activity) -> pd.DataFrame:
    """Every end of an operation by a job, with the way it took after it.

    Jobs whose way the log does not show are left out: still waiting, or under way, at its end.
    """
    lots = activity.lots
    visits = lots.assign(visit=_visits(lots))
    keys = ["order", "visit", "work_unit", "operation", "product"]
    steps = visits.groupby(keys, sort=False).agg(
        start=("start", "min"), end=("end", "max"), good=("pieces", "sum"), scrap=("scrap", "sum")
    )
    steps = steps.reset_index().sort_values(["order", "start"], kind="stable", ignore_index=True)
    steps["way"] = steps.groupby("order", sort=False)["operation"].shift(-1)
    completed = activity.log.of_kind("complete")
    good = completed.groupby("order")["quantity"].sum()
    is_last = steps["way"].isna()
    over = steps["order"].map(good)
    steps.loc[is_last & (over > 0), "way"] = END
    steps.loc[is_last & (over == 0), "way"] = SCRAP
    return steps[steps["way"].notna()]


def _visits(lots: pd.DataFrame) -> pd.Series:
    """Number of each lot's stay of its order at an operation: a return counts as another."""
    ordered = lots.sort_values(["order", "start"], kind="stable")
    place = ordered["operation"] + "\0" + ordered["work_unit"]
    same_order = ordered["order"].eq(ordered["order"].shift())
    nth = ordered.groupby(LOT_KEY, sort=False).cumcount()
    again = ordered["lot"].str.extract(AGAIN, expand=False).fillna("")
    changed = ~same_order | place.ne(place.shift()) | nth.ne(nth.shift())
    changed |= again.ne(again.shift())
    return changed.groupby(ordered["order"]).cumsum().reindex(lots.index)


def _of_branch(
    unit: str, branch: Branch, ways: pd.Series, prefix: str
) -> Iterator[ParameterEstimate]:
    counts = dict.fromkeys(branch.to, 0.0)
    for way, n in ways.value_counts().items():
        if str(way) in counts:
            counts[str(way)] = float(n)
    total = sum(counts.values())
    if total == 0:
        return
    left_out = len(ways) - int(total)
    note = f"{left_out} jobs went where no branch leads, left out" if left_out else ""
    for way, (value, low, high) in branch_shares(counts).items():
        yield ParameterEstimate(
            "routing", unit, f"{prefix}{branch.after}{ARROW}{way}", value, low, high, "share",
            int(total), law="dirichlet", fit=f"{counts[way]:.0f} of {total:.0f} jobs",
            nominal=branch.to[way], note=note,
        )  # fmt: skip


def with_routing(plant: Plant, estimates: Sequence[ParameterEstimate]) -> Plant:
    """The plant with the shares of its branches put in, each unit's counting by its jobs."""
    found: dict[str, dict[str, float]] = {}
    for e in estimates:
        if e.quantity == "routing":
            before, _, way = e.key.partition(ARROW)
            ways = found.setdefault(before, {})
            ways[way] = ways.get(way, 0.0) + e.n * e.value
    if not found:
        return plant
    routes = []
    for route in plant.routes:
        branches = [
            _filled(b, found.get(_prefix(plant, route, b) + b.after)) for b in route.branches
        ]
        routes.append(route.model_copy(update={"branches": branches}))
    return plant.model_copy(update={"routes": routes})


def _filled(branch: Branch, ways: Mapping[str, float] | None) -> Branch:
    if not ways:
        return branch
    total = sum(ways.values())
    shares = {way: ways.get(way, 0.0) / total for way in branch.to}
    return branch.model_copy(update={"to": shares})
