"""What the twin would have said at past instants, against what then happened. Start reading here.

At each *origin* the twin knows only the log before it: the log is diagnosed, the twin calibrated
and the shop replayed as the nightly job does it, and a day and a week are simulated from there.
One thing is given: the orders released inside the forecast stretch come as they came, for a
backtest judges the shop floor and not the customers.

Two uncertainties are kept apart. *Chance* is what replications of one plant differ by. The *inputs*
are not known exactly either: with plants drawn as uncertain as the calibration leaves them, the
replications differ by both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from math import ceil
from typing import Any, Literal

import numpy as np

from scenarios.run import Progress
from twin.accounting.indicators import Key
from twin.accounting.input_uncertainty import range_half_widths
from twin.accounting.log_distance import LogDistances, Stretch, log_distances, stretch
from twin.accounting.recorded import DOWN, Recorded, replicated
from twin.accounting.scoring import Score, Verified, interval, score
from twin.behaviour.dispatching import DispatchingRule, EarliestDueDate
from twin.errors import UnfitData
from twin.model.compiled import compile_plant
from twin.model.events import EventLog
from twin.model.horizon import Array, Horizon
from twin.model.orders import OrderBook
from twin.model.plant import Plant
from twin.model.state import ShopState
from twin.simulation.experiment import Experiment
from twin.simulation.simulate import simulate, totals

Span = Literal["day", "week"]
DAYS: Mapping[Span, int] = {"day": 1, "week": 7}
LEAST_SHARE = 0.4
"""Of the log lies before the first origin: a calibration needs something to learn from."""
LEAST_DAYS = 3.0
SLOT = timedelta(minutes=15)

PlantDraws = Callable[[int], Sequence[Plant]]
"""So many plants, drawn as uncertain as the calibration leaves the parameters."""


@dataclass(frozen=True)
class Standing:
    """A plant, what it is asked for and where it stands: all that a forecast starts from."""

    plant: Plant
    orders: OrderBook
    """Open at the origin, or released inside the stretch that is forecast."""
    state: ShopState
    not_down_h: Mapping[str, float] = field(default_factory=dict)
    """Hours by work unit for which it is unavailable at first though nothing has failed: the rest
    of a setup or of maintenance. A simulation shows them as repair, a log does not."""


@dataclass(frozen=True)
class Footing:
    """What was known at an origin."""

    standing: Standing
    """By the best estimate of everything."""
    draws: Callable[[int], Sequence[Standing]] | None = None
    """The same, drawn as uncertain as the inputs are; None where nobody says how uncertain."""

    @staticmethod
    def of_plants(standing: Standing, draws: PlantDraws | None) -> Footing:
        """A footing of which the plant alone is uncertain."""
        if draws is None:
            return Footing(standing)
        return Footing(
            standing, lambda n: [replace(standing, plant=plant) for plant in draws(n)]
        )  # fmt: skip


Prepare = Callable[[datetime, datetime], Footing]
"""From an origin and the end of the stretch to forecast."""


@dataclass(frozen=True)
class Effort:
    """How much is simulated."""

    replications: int = 200
    draws: int = 20
    """Plants drawn for the uncertainty of the inputs; 0 leaves it out."""
    seed: int = 1
    policy: DispatchingRule = field(default_factory=EarliestDueDate)
    """How the shop chooses its next order where nobody told."""


@dataclass(frozen=True)
class Check:
    """One figure forecast from one origin."""

    key: Key
    span: Span
    origin: datetime
    verified: Verified
    """By chance and inputs together, where inputs were drawn; else by chance alone."""
    by_chance: Array
    """Samples with the best estimate of everything: they differ by chance alone."""


@dataclass(frozen=True)
class Backtest:
    """Every check, and how far simulated logs were from real ones."""

    plant: Plant
    begin: datetime
    """Of the log."""
    until: datetime
    origins: tuple[datetime, ...]
    """Those finished."""
    asked: int
    """Origins asked for."""
    effort: Effort
    checks: tuple[Check, ...]
    distances: tuple[tuple[datetime, LogDistances], ...] = ()
    """Of the longest stretch simulated from each origin."""
    yardstick: tuple[LogDistances, ...] = ()
    """Of each such stretch from the one of equal length before it: both real."""
    notes: tuple[str, ...] = ()

    @property
    def has_draws(self) -> bool:
        """Whether the uncertainty of the inputs was simulated."""
        return any(c.verified.samples is not c.by_chance for c in self.checks)

    @property
    def spans(self) -> list[Span]:
        return list(dict.fromkeys(c.span for c in self.checks))

    def keys(self, span: Span) -> list[Key]:
        """Figures in the order of the plant."""
        return list(dict.fromkeys(c.key for c in self.checks if c.span == span))

    def of(self, key: Key, span: Span) -> list[Check]:
        """By origin."""
        return [c for c in self.checks if (c.key, c.span) == (key, span)]

    def groups(self, span: Span) -> dict[tuple[str, str], list[Key]]:
        """Keys by kind and figure: what is judged together."""
        found: dict[tuple[str, str], list[Key]] = {}
        for key in self.keys(span):
            found.setdefault((key.kind, key.figure), []).append(key)
        return found

    def score(self, keys: Sequence[Key], span: Span) -> Score:
        cases = [[c.verified for c in self.of(key, span)] for key in keys]
        return score(cases, seed=self.effort.seed)

    def score_by_chance(self, keys: Sequence[Key], span: Span) -> Score:
        """The same had nothing but chance been simulated."""
        cases = [
            [replace(c.verified, samples=c.by_chance) for c in self.of(key, span)] for key in keys
        ]
        return score(cases, seed=self.effort.seed)

    def half_widths(self, check: Check) -> tuple[float, float]:
        """Of a 90 % range: by chance, and by what is not known of the inputs."""
        if check.verified.samples is check.by_chance:
            return range_half_widths(check.by_chance, [])
        drawn = np.array_split(check.verified.samples, self.effort.draws)
        return range_half_widths(check.by_chance, drawn)

    def width_by_inputs(self, keys: Sequence[Key], span: Span) -> float:
        """What a 90 % range would be as wide as were there no chance, over the actual values."""
        checks = [check for key in keys for check in self.of(key, span)]
        size = sum(abs(check.verified.actual) for check in checks)
        whole = sum(2 * self.half_widths(check)[1] for check in checks)
        return whole / size if size else float("nan")

    def separate(self, span: Span) -> float:
        """Stretches of this length that the origins hold without overlap."""
        if not self.origins:
            return 0.0
        whole = (max(self.origins) - min(self.origins)) / timedelta(days=DAYS[span]) + 1
        return min(whole, float(len(self.origins)))


def origins_of(begin: datetime, until: datetime, span: Span, count: int) -> list[datetime]:
    """Instants spread over the later part of a log, each with a whole stretch after it.

    They are whole days before the end of the log where it has enough of them, so that each day
    forecast is one day and not parts of two.

    Raises
    ------
    UnfitData
        When the log is too short.
    """
    length = timedelta(days=DAYS[span])
    latest = until - length
    earliest = begin + max((until - begin) * LEAST_SHARE, timedelta(days=LEAST_DAYS))
    if earliest > latest:
        days = (until - begin) / timedelta(days=1)
        shorter = ", or test a day alone with --horizon day" if span == "week" else ""
        raise UnfitData(
            f"backtest: the log is {days:.1f} days long; a {span} can be tested from "
            f"{max(DAYS[span] / (1 - LEAST_SHARE), DAYS[span] + LEAST_DAYS):.1f} days on; "
            f"extract more{shorter}"
        )
    whole_days = (latest - earliest) // timedelta(days=1)
    if whole_days + 1 >= count:
        back = np.unique(np.round(np.linspace(whole_days, 0, count)).astype(int))[::-1]
        return [latest - timedelta(days=int(n)) for n in back]
    shares = np.linspace(0, 1, count).tolist()
    return [latest - (latest - earliest) * (1 - s) // SLOT * SLOT for s in shares]


def backtest(
    log: EventLog,
    plant: Plant,
    until: datetime,
    prepare: Prepare,
    origins: Sequence[datetime],
    spans: Sequence[Span],
    effort: Effort = Effort(),
    *,
    notes: Sequence[str] = (),
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Backtest:
    """Forecast from every origin and compare; when cancelled, what is finished is returned.

    An origin whose past is refused, as the nightly job would, is left out and noted.

    Parameters
    ----------
    log, until
        The whole of a clean log, to be compared with, and its end.
    prepare
        Gives what was known at an origin; it must not look further.
    spans
        Lengths of the forecasts.

    Raises
    ------
    UnfitData
        If every origin was refused.
    """
    tell = progress or _silent
    truth = Recorded(log, compile_plant(plant, Horizon(until, 1440, plant.timezone)), until)
    longest = max(DAYS[span] for span in spans)
    done: list[_Tested] = []
    said = [*notes]
    for n, origin in enumerate(origins):
        if cancelled():
            break
        tell("backtest: origins", n, len(origins))
        try:
            footing = prepare(origin, origin + timedelta(days=longest))
        except UnfitData as refusal:
            said.append(f"nothing was forecast from {origin.isoformat()}: {refusal}")
            continue
        tested = _test(footing, truth, log, origin, spans, effort, cancelled)
        if tested is None:  # broken off: it says nothing
            break
        done.append(tested)
    tell("backtest: origins", len(done), len(origins))
    if not done and len(said) > len(notes):
        raise UnfitData(f"backtest: no origin can be forecast from; {said[-1]}")
    if not truth.tells_completion:
        said.append("the log does not say when orders are complete: pieces and orders not tested")
    return Backtest(
        plant=plant,
        begin=truth.begin,
        until=until,
        origins=tuple(t.origin for t in done),
        asked=len(origins),
        effort=effort,
        checks=tuple(_telling([check for t in done for check in t.checks])),
        distances=tuple((t.origin, t.distances) for t in done),
        yardstick=tuple(t.yardstick for t in done if t.yardstick is not None),
        notes=tuple(said),
    )


@dataclass(frozen=True)
class _Tested:
    """What came out at one origin."""

    origin: datetime
    checks: list[Check]
    distances: LogDistances
    yardstick: LogDistances | None


def _test(
    footing: Footing,
    truth: Recorded,
    log: EventLog,
    origin: datetime,
    spans: Sequence[Span],
    effort: Effort,
    cancelled: Callable[[], bool],
) -> _Tested | None:
    """Forecast and compare from one origin; None when it was cancelled meanwhile."""
    drawn = footing.draws(effort.draws) if footing.draws and effort.draws else ()
    checks: list[Check] = []
    for span in spans:
        samples = _forecast([footing.standing], span, effort, truth.metered, cancelled)
        drawn_samples = _forecast(drawn, span, effort, truth.metered, cancelled)
        if cancelled():
            return None
        checks += _checks(samples, drawn_samples or samples, truth, origin, span)
    end = origin + timedelta(days=max(DAYS[span] for span in spans))
    simulated, real, before = _stretches(footing.standing, log, origin, end, effort)
    zone = footing.standing.plant.timezone
    return _Tested(
        origin,
        checks,
        log_distances(simulated, real, zone),
        None if before is None else log_distances(before, real, zone),
    )


def _checks(
    by_chance: Mapping[Key, Array],
    by_both: Mapping[Key, Array],
    truth: Recorded,
    origin: datetime,
    span: Span,
) -> Iterator[Check]:
    """The figures of one stretch, forecast and actual."""
    end = origin + timedelta(days=DAYS[span])
    past = past_figures(truth, origin, end - origin)
    through = truth.through(origin, end)
    for key, value in truth.figures(origin, end).items():
        if key not in by_chance:
            continue
        history = past.get(key, np.empty(0))
        naive = naive_forecasts(history, span)
        if history.size and key in through:
            naive["orders at the usual flow time"] = through[key]
        verified = Verified(by_both[key], value, naive, history)
        yield Check(key, span, origin, verified, by_chance[key])


def _forecast(
    standings: Sequence[Standing],
    span: Span,
    effort: Effort,
    metered: Sequence[str],
    cancelled: Callable[[], bool],
) -> dict[Key, Array]:
    """Samples of every figure, the replications shared among the standings; empty without any."""
    each = ceil(effort.replications / max(len(standings), 1))
    rows: list[dict[Key, float]] = []
    for n, standing in enumerate(standings):
        experiment = experiment_of(standing, DAYS[span], effort)
        known = [id for id in metered if id in experiment.plant.unit_index]
        results = totals(experiment, each, first=n * each, cancelled=cancelled)
        rows += [
            _less(
                replicated(result, experiment.plant, experiment.orders, known), standing.not_down_h
            )
            for result in results
        ]
    keys = list(rows[0]) if rows else []
    return {key: np.array([row[key] for row in rows]) for key in keys}


def _less(figures: dict[Key, float], not_down_h: Mapping[str, float]) -> dict[Key, float]:
    """The figures without the hours that only look like repair."""
    for unit, hours in not_down_h.items():
        key = Key("work_unit", unit, DOWN)
        figures[key] = max(figures[key] - hours, 0.0)
    return figures


def experiment_of(standing: Standing, days: float, effort: Effort) -> Experiment:
    """The simulation of some days from a standing; orders of later days are left out."""
    horizon = Horizon(standing.state.at, round(days * 1440), standing.plant.timezone)
    orders = OrderBook(tuple(o for o in standing.orders if o.release_date < horizon.end))
    compiled = compile_plant(standing.plant, horizon)
    return Experiment(
        compiled, orders, standing.state, policy=effort.policy, seed=effort.seed
    )  # fmt: skip


def past_figures(truth: Recorded, origin: datetime, length: timedelta) -> dict[Key, Array]:
    """What every figure was in the stretches of equal length before an origin, the last one last.

    Whole stretches only, counted back from the origin.
    """
    count = max((origin - truth.begin) // length, 0)
    rows = [truth.figures(origin - (k + 1) * length, origin - k * length) for k in range(count)]
    rows.reverse()
    return {key: np.array([row[key] for row in rows]) for key in (rows[0] if rows else {})}


def naive_forecasts(history: Array, span: Span) -> dict[str, float]:
    """What one would say without a twin, from the same figure's past."""
    if not len(history):
        return {}
    if span == "week":
        return {"last week": float(history[-1]), "mean of all weeks": float(history.mean())}
    weekdays = history[::-1][6::7]
    found = {"yesterday": float(history[-1]), "mean of all days": float(history.mean())}
    return found | ({"mean of the weekday": float(weekdays.mean())} if len(weekdays) else {})


def _stretches(
    standing: Standing, log: EventLog, origin: datetime, end: datetime, effort: Effort
) -> tuple[Stretch, Stretch, Stretch | None]:
    """The simulated stretch of one replication, the real one, and the real one before it."""
    experiment = experiment_of(standing, (end - origin) / timedelta(days=1), effort)
    simulated = simulate(
        experiment.plant, experiment.orders, state=experiment.state, policy=effort.policy,
        seed=effort.seed,
    )  # fmt: skip
    released = {order.id: order.release_date for order in standing.orders}
    begun = frozenset(standing.state.orders)
    real = stretch(log, origin, end, released)
    past_begin = origin - (end - origin)
    is_inside = len(log) and log.table["time"].min() <= past_begin
    before = stretch(log, past_begin, origin) if is_inside else None
    return stretch(simulated, origin, end, released, begun), real, before


def _telling(checks: Sequence[Check]) -> Iterator[Check]:
    """Figures that were never other than 0, forecast or actual, are left out: they say nothing."""
    by_figure = sorted(checks, key=lambda c: (c.span, c.key))
    silent = {
        name
        for name, rows in groupby(by_figure, key=lambda c: (c.span, c.key))
        if all(r.verified.actual == 0 and not r.verified.samples.any() for r in rows)
    }
    yield from (c for c in checks if (c.span, c.key) not in silent)


def to_dict(found: Backtest) -> dict[str, Any]:
    """Scores and every forecast as plain values."""
    scores = [
        {
            "span": span, "kind": kind, "figure": figure, "ids": [k.id for k in keys],
            "score": found.score(keys, span).to_dict(),
            "by_chance": found.score_by_chance(keys, span).to_dict(),
        }
        for span in found.spans
        for (kind, figure), keys in found.groups(span).items()
    ]  # fmt: skip
    return {
        "plant": found.plant.id,
        "log": [found.begin.isoformat(), found.until.isoformat()],
        "origins": [o.isoformat() for o in found.origins],
        "origins_asked": found.asked,
        "replications": found.effort.replications,
        "input_uncertainty": found.has_draws,
        "scores": scores,
        "distances": [
            {"origin": o.isoformat(), **distances.to_dict()} for o, distances in found.distances
        ],
        "distances_between_real_stretches": [d.to_dict() for d in found.yardstick],
        "checks": [_check_row(found, check) for check in found.checks],
        "notes": list(found.notes),
    }


def _check_row(found: Backtest, check: Check) -> dict[str, Any]:
    by_chance, by_inputs = found.half_widths(check)
    low, high = interval(check.verified.samples, 0.9)
    chance_low, chance_high = interval(check.by_chance, 0.9)
    return {
        "span": check.span,
        "origin": check.origin.isoformat(),
        **check.key._asdict(),
        "actual": round(check.verified.actual, 4),
        "mean": round(float(check.verified.samples.mean()), 4),
        "low_90": round(low, 4),
        "high_90": round(high, 4),
        "half_width_90_by_chance": round(by_chance, 4),
        "half_width_90_by_inputs": round(by_inputs, 4),
        "low_90_by_chance": round(chance_low, 4),
        "high_90_by_chance": round(chance_high, 4),
        "naive": {name: round(value, 4) for name, value in check.verified.naive.items()},
    }


def _silent(step: str, done: int, total: int) -> None:
    """Tell nobody."""
