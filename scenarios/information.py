"""What it would be worth to know a parameter of the plant better, in the cost of the plan.

The *expected value of perfect information* about some parameters θ: tonight's plan is the one that
is cheapest on average over what θ may be; if θ were known, the plan would be the cheapest for that
θ. What this saves on average is the most that a signal which shows θ can be worth each time a plan
is made (Raiffa & Schlaifer 1961, Applied Statistical Decision Theory, ch. 4)::

    EVPI = min over plans d of E[C(d, θ)] − E[min over d of C(d, θ)]

θ is drawn as uncertain as the calibration leaves it, all else stays at its estimate. C is the total
cost of running plan d on the twin with parameters θ, under the same luck for every d and θ. The
plans to choose from are a few: those made for the estimates and for some draws of everything, the
naive plan, and dispatching by due date; with more plans the value could only be higher. Plans are
chosen on one half of the replications and paid for on the other, so that luck is not sold as
knowledge; an estimate may come out below 0 then, which means that no value is shown. Beside it
stands the same without the halves, which luck makes too high: the value is hardly above that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.replan import Prepared
from scenarios.run import EARLIEST_DUE_DATE, Cancelled, Progress, naive_plan, plan
from scenarios.scenario import Case
from twin.accounting.outcome import outcome
from twin.calibration.activity import read_activity
from twin.calibration.bootstrap import drawn_calibrations
from twin.calibration.calibrate import calibrated
from twin.calibration.estimates import Calibration, Quantity
from twin.model.compiled import compile_plant
from twin.model.horizon import Array
from twin.model.plant import Plant
from twin.model.schedule import Schedule
from twin.simulation.simulate import replicate

QUANTITIES: dict[str, tuple[Quantity, ...]] = {
    "cycle_times": ("processing_time", "processing_cv", "transit", "micro_stop"),
    "setups": ("setup_time", "setup_ratio"),
    "failures": ("time_to_failure",),
    "repairs": ("time_to_repair", "waiting_for_crew"),
    "energy": ("power_kw",),
    "scrap": ("scrap",),
}
"""Estimates behind each conclusion of the diagnosis."""
EVERYTHING = "everything"
DRAWS = 8
"""Values of θ for each conclusion."""
PLANS = 4
"""Draws of everything for which a plan is made."""
PLAN_SECONDS = 2.0
REPLICATIONS = 6
"""Of each plan under each θ; an even number."""
LUCK = 2_000_003
"""Added to the seed of the proof: its luck shall not choose."""


Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Worth:
    """What knowing one conclusion's parameters for sure is worth, each time a plan is made."""

    conclusion: str
    value: float
    """Expected saving [currency]."""
    error: float
    """Standard error of that."""
    at_most: float
    """The same without splitting the luck: too high on average, so the value is hardly above it."""
    spread: float
    """Standard deviation of the present plan's cost that comes from not knowing [currency]."""
    draws: int

    @property
    def is_shown(self) -> bool:
        """Whether a value above 0 stands clear of its own error."""
        return self.value > 2 * self.error

    def words(self, currency: str, cost: float) -> str:
        """What was found, in a sentence."""
        unsure = f"not knowing it makes the plan's cost uncertain by {self.spread:,.0f} {currency}"
        if self.is_shown:
            share = f" ({self.value / cost:.1%} of the plan)" if cost else ""
            value = f"worth {self.value:,.0f} ± {2 * self.error:,.0f} {currency}{share}"
        elif self.at_most <= 0:
            value = "no worth shown: of the plans tried, one is best under every draw"
        else:
            value = f"no worth shown, and at most {self.at_most:,.0f} {currency}"
        return f"{value}; {unsure}"


@dataclass(frozen=True)
class Information:
    """Values of information, the largest first, and what they rest on."""

    currency: str
    cost: float
    """Mean cost of the plan that is best on what is known [currency]."""
    rows: tuple[Worth, ...]
    plans: tuple[str, ...]
    """Those chosen from."""
    replications: int
    not_drawn: tuple[str, ...]
    """Conclusions of which the log showed nothing: no interval to draw from."""
    not_reached: tuple[str, ...]
    """Left out for want of time."""

    def to_dict(self) -> dict[str, Any]:
        content = asdict(self)
        for row, made in zip(self.rows, content["rows"], strict=True):
            made["is_shown"] = row.is_shown
        return content

    def lines(self) -> list[str]:
        """As text."""
        head = (
            f"value of information (the best plan costs {self.cost:,.0f} {self.currency}; "
            f"{len(self.plans)} plans to choose from, {self.replications} replications of each "
            "under each draw)"
        )
        lines = [head]
        for row in self.rows:
            name = row.conclusion.replace("_", " ")
            lines.append(f"  {name}: {row.words(self.currency, self.cost)}")
        if self.not_drawn:
            names = ", ".join(n.replace("_", " ") for n in self.not_drawn)
            lines.append(f"  not drawn, as the log shows nothing of them: {names}")
        if self.not_reached:
            names = ", ".join(n.replace("_", " ") for n in self.not_reached)
            lines.append(f"  not reached in time: {names}")
        return lines


def value_of_information(
    ready: Prepared,
    *,
    seed: int = 0,
    time_limit: float = 300.0,
    draws: int = DRAWS,
    replications: int = REPLICATIONS,
    plan_seconds: float = PLAN_SECONDS,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Information:
    """Value of perfect knowledge of each conclusion, what the log says least about first.

    A conclusion begun is finished; none is begun after ``time_limit`` [s].
    """
    until = monotonic() + time_limit
    tell = progress or (lambda step, done, total: None)
    case, calibration = ready.case, ready.calibration
    tell("value of information: draw the parameters", 0, 1)
    activity = read_activity(ready.diagnosis.clean, ready.inputs.plant, ready.inputs.cut_off)
    whole = list(drawn_calibrations(activity, calibration, draws, seed))
    plans = _plans(case, ready.inputs.plant, whole, seed, plan_seconds, tell)
    names = [n for n in _weakest_first(ready) if _has_estimates(calibration, n)]
    empty = tuple(n for n in QUANTITIES if not _has_estimates(calibration, n))
    rows: list[Worth] = []
    cost = 0.0
    waiting = [EVERYTHING, *names]
    while waiting and not (cancelled and cancelled()):
        if rows and monotonic() > until:
            break
        name = waiting.pop(0)
        thetas = [calibrated(ready.inputs.plant, _drawn(calibration, one, name)) for one in whole]
        costs = _costs(case, plans, thetas, seed, replications, partial(_told, tell, name))
        worth = worth_of(name, costs)
        rows.append(worth)
        if name == EVERYTHING:
            cost = float(costs.mean(axis=(1, 2)).min())
    rows.sort(key=lambda row: (row.conclusion != EVERYTHING, -row.value, -row.at_most))
    return Information(
        case.plant.currency, cost, tuple(rows), tuple(plans), replications, empty, tuple(waiting)
    )


def worth_of(conclusion: str, costs: Array) -> Worth:
    """The value of knowing which θ is true, from (D, K, R) costs of plan d under θ_k with luck r.

    Examples
    --------
    Two plans, each the better one for one of two equally likely θ, by 10: knowing saves 5.

    >>> costs = np.repeat([[[0.0], [10.0]], [[10.0], [0.0]]], 4, axis=2)
    >>> worth_of("x", costs).value
    5.0
    """
    even = np.arange(costs.shape[2]) % 2 == 0
    means = costs.mean(axis=2)
    best = int(means.mean(axis=1).argmin())
    gain, plain = (
        np.mean([_gain(costs, on, ~on, shrink) for on in (even, ~even)], axis=0)
        for shrink in (True, False)
    )
    error = max(float(g.std(ddof=1)) for g in (gain, plain)) / np.sqrt(len(gain))
    at_most = float(means[best].mean() - means.min(axis=0).mean())
    return Worth(
        conclusion, float(gain.mean()), float(error), at_most, _spread(costs[best]), len(gain)
    )  # fmt: skip


def _gain(costs: Array, chosen_on: Mask, paid_on: Mask, shrink: bool) -> Array:
    """(K,) savings of knowing θ_k, plans chosen on some replications and paid for on others."""
    seen = costs[:, :, chosen_on]
    expected = expected_costs(seen) if shrink else seen.mean(axis=2)
    paid = costs[:, :, paid_on].mean(axis=2)
    present, known = int(expected.mean(axis=1).argmin()), expected.argmin(axis=0)
    saved: Array = paid[present] - paid[known, np.arange(paid.shape[1])]
    return saved


def _spread(cells: Array) -> float:
    """Standard deviation over θ of the mean cost, from (K, R) costs, without what luck adds.

    All θ share their luck: only what θ changes about it is noise here.
    """
    rest = cells - cells.mean(axis=0, keepdims=True)
    noise = min(float(part.var(axis=1, ddof=1).mean()) for part in (cells, rest))
    variance = float(cells.mean(axis=1).var(ddof=1)) - noise / cells.shape[1]
    return float(max(variance, 0.0) ** 0.5)


def expected_costs(costs: Array) -> Array:
    """(D, K) costs to expect from (D, K, R) seen: differences between plans by θ are shrunk.

    What plan d gains under θ_k beyond its mean and that of θ_k is partly luck. It is multiplied by
    the share of its variance that luck does not explain (James–Stein): 0 where it is all luck, so
    that then knowing θ changes no plan.
    """
    means = costs.mean(axis=2)
    own = means - means.mean(axis=0) - means.mean(axis=1, keepdims=True) + means.mean()
    if costs.shape[2] < 2:
        result: Array = means
        return result
    rest = costs - costs.mean(axis=0, keepdims=True)
    luck = float(rest.var(axis=2, ddof=1).mean()) / costs.shape[2]
    total = float((own**2).sum()) / max((own.shape[0] - 1) * (own.shape[1] - 1), 1)
    kept = max(1 - luck / total, 0.0) if total > 0 else 0.0
    result = means - own + kept * own
    return result


def _weakest_first(ready: Prepared) -> list[str]:
    order = {"none": 0, "weak": 1, "good": 2}
    return sorted(QUANTITIES, key=lambda name: order[ready.diagnosis.readiness[name].verdict])


def _has_estimates(calibration: Calibration, name: str) -> bool:
    return any(e.quantity in QUANTITIES[name] for e in calibration.estimates)


def _drawn(base: Calibration, drawn: Calibration, name: str) -> Calibration:
    """The base with one conclusion's estimates as drawn."""
    if name == EVERYTHING:
        return drawn
    wanted = QUANTITIES[name]
    estimates = tuple(
        one if one.quantity in wanted else kept
        for kept, one in zip(base.estimates, drawn.estimates, strict=True)
    )
    return replace(base, estimates=estimates)


def _plans(
    case: Case, nominal: Plant, whole: Sequence[Calibration], seed: int, seconds: float,
    tell: Progress,
) -> dict[str, Schedule | None]:  # fmt: skip
    """The plans to choose from, by name; None is dispatching by due date without a plan."""
    plans: dict[str, Schedule | None] = {"dispatching by due date": None}
    plans["naive plan"] = naive_plan(case)
    cases = [case]
    cases += [replace(case, plant=calibrated(nominal, drawn)) for drawn in whole[:PLANS]]
    for number, one in enumerate(cases):
        tell("value of information: plans", number, len(cases))
        name = f"plan for draw {number}" if number else "plan for the estimates"
        plans[name] = plan(one, seed=seed + number, time_limit=seconds)
    return plans


def _costs(
    case: Case, plans: Mapping[str, Schedule | None], thetas: Sequence[Plant], seed: int,
    replications: int, told: Any,
) -> NDArray[np.float64]:  # fmt: skip
    """(D, K, R) total costs, the same luck r everywhere."""
    costs = np.empty((len(plans), len(thetas), replications))
    for k, plant in enumerate(thetas):
        told(k, len(thetas))
        compiled = compile_plant(plant, case.horizon)
        for d, schedule in enumerate(plans.values()):
            measure = partial(
                outcome, plant=compiled, orders=case.orders, forecast=case.forecast,
                state=case.state, schedule=schedule,
            )  # fmt: skip
            runs = replicate(
                compiled, case.orders, measure, state=case.state, schedule=schedule,
                policy=EARLIEST_DUE_DATE, seed=seed + LUCK, replications=replications, workers=1,
            )  # fmt: skip
            costs[d, k] = [run.value.total_cost for run in runs]
    return costs


def _told(tell: Progress, name: str, done: int, total: int) -> None:
    tell(f"value of information: {name.replace('_', ' ')}", done, total)
