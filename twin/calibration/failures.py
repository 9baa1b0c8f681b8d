"""Times to failure from a log: lives per failure mode, and the law that describes them.

A life begins when a repair of its mode, or a preventive task that renews it, ends. It ends in a
failure, or is censored by such a task or by the end of the log. Its age grows on the clock the
plant names: working minutes, or all minutes. Other modes fail beside it and leave its age alone.

The first life of each mode began before the log, at an unknown age. A memoryless law does not mind,
so an exponential takes it; a fitted Weibull leaves it out. Where failures are few and the shape is
kept, every life counts, and this one is taken at an age of steady state. The note says which.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import TypeAdapter
from scipy import special

from twin.calibration.activity import Activity, UnitActivity
from twin.calibration.estimates import ParameterEstimate
from twin.calibration.lifetimes import (
    Fit,
    Lives,
    fit_exponential,
    fit_weibull,
    laplace_trend,
    mean_interval,
    shape_interval,
)
from twin.model.failures import FailureMode
from twin.model.horizon import Array
from twin.model.laws import Exponential, Law, Weibull, variation
from twin.model.plant import WorkUnit

FEW = 3
"""With fewer failures the nominal shape is kept and the scale leans on the nominal one."""
PRIOR_FAILURES = 2.0
"""Failures at the nominal scale that the prior is worth, where there are few."""
SHORTEST = 1e-6
"""Lives shorter than this [min] are two records of one stop."""


@dataclass(frozen=True)
class ModeHistory:
    """What the log says about one failure mode of one work unit."""

    lives: Lives
    """Lives that began in the log."""
    first: Lives
    """The life under way when the log began, its age counted from then."""
    failure_times: np.ndarray[tuple[int], np.dtype[np.float64]]
    """[min on the mode's clock from the log's start]"""
    clock_end: float
    """Length of the log on that clock [min]."""
    renewal_age: float
    """Age at which preventive tasks renew the mode [min on its clock]; infinite without any."""

    @property
    def failures(self) -> int:
        return int(self.lives.failures + self.first.failures)


Scaled = tuple[ModeHistory, float]
"""A history and the nominal scale of its mode [min]."""


def failure_estimates(activity: Activity) -> Iterator[ParameterEstimate]:
    """Time to failure of every mode of every unit whose states the log gives."""
    found: list[tuple[WorkUnit, FailureMode, ModeHistory]] = []
    for unit, mode, states in activity.observed_modes():
        if not is_learnt(mode):
            continue
        history = mode_history(unit, mode, states)
        if history.clock_end > 0:
            found.append((unit, mode, history))
    for unit, mode, history in found:
        peers = [
            (other_history, nominal_scale(other_mode))
            for other, other_mode, other_history in found
            if other is not unit and other.area == unit.area and is_like(mode, other_mode)
        ]
        yield estimate_mode(unit.id, mode, history, peers)


def is_learnt(mode: FailureMode) -> bool:
    """Whether a log of states shows whole lives of a mode, each new after its repair, in minutes.

    Other modes keep the law of the plant file.
    """
    is_minutes = mode.time_to_failure is not None and mode.clock != "count"
    return is_minutes and mode.repair_effect == "new" and mode.detected == "at_once"


def is_like(mode: FailureMode, other: FailureMode) -> bool:
    """Whether two modes may be expected to differ from their nominal lives alike."""
    return (mode.id, mode.clock) == (other.id, other.clock) and math.isclose(
        nominal_shape(mode.life), nominal_shape(other.life)
    )


def mode_history(unit: WorkUnit, mode: FailureMode, states: UnitActivity) -> ModeHistory:
    """Lives of one mode on its own clock."""
    clock = ["working"] if mode.clock == "operating" else None
    begin, end = states.starts[0], states.ends[-1]

    def age(instant: float) -> float:
        if clock is None:
            return float(instant - begin)
        return float(states.minutes_in(clock, np.array(begin), np.array(instant)))

    renewals = {task.id for task in unit.maintenance if mode.id in task.renews}
    stops: list[tuple[float, float, bool]] = []
    for group, reasons in ((("down", "repair"), {mode.id}), (("maintenance",), renewals)):
        found = states.episodes(group)
        for start, stop, reason in zip(found["start"], found["end"], found["reason"], strict=True):
            if reason in reasons:
                stops.append((start, stop, group != ("maintenance",)))
    intervals = [task.interval for task in unit.maintenance if task.id in renewals]
    interval = min(intervals, default=math.inf) * age(end) / (end - begin)
    ages: list[tuple[float, float]] = []
    failure_times = []
    since = 0.0
    for start, stop, is_failure in sorted(stops):
        ages.append((age(start) - since, float(is_failure)))
        if is_failure:
            failure_times.append(age(start))
        since = age(stop)
    if not stops or max(stop for _, stop, _ in stops) < end:
        ages.append((age(end) - since, 0.0))
    return ModeHistory(
        _lives(ages[1:]), _lives(ages[:1]), np.array(failure_times, dtype=float), age(end), interval
    )


def _lives(ages: list[tuple[float, float]]) -> Lives:
    kept = [(a, d) for a, d in ages if a > SHORTEST]
    table = np.array(kept, dtype=float).reshape(-1, 2)
    return Lives(table[:, 0], table[:, 1])


def estimate_mode(
    unit: str, mode: FailureMode, history: ModeHistory, peers: Sequence[Scaled] = ()
) -> ParameterEstimate:
    """Law of the time to failure: fitted with enough failures, else leaning on the nominal law.

    ``peers`` are like modes on other units of the area; where failures are few, theirs count too.
    """
    nominal = mode.life
    shape = nominal_shape(nominal)
    if history.failures < FEW or (history.lives.failures < FEW and shape != 1):
        return _with_prior(unit, mode, history, peers)
    lives = history.lives
    if lives.failures < FEW:
        fit, texts = fit_exponential(joined(lives, history.first)), ["exponential as nominal"]
    else:
        fit, texts = choose_law(lives, shape)
    notes = []
    if fit.law == "exponential":
        lives = joined(lives, history.first)
        fit = fit_exponential(lives)
    elif len(history.first.ages):
        notes.append(_first_left_out(history))
    low, high = mean_interval(lives, fit)
    if fit.free == 2:
        texts.append("shape {:.3g} … {:.3g}".format(*shape_interval(lives, fit)))
    trend = laplace_trend(history.failure_times, history.clock_end)
    if len(history.failure_times) >= 5 and trend < 0.05:
        notes.append(
            f"failures come at no steady rate (Laplace p {trend:.2g}): renewals may mislead"
        )
    return ParameterEstimate(
        "time_to_failure", unit, mode.id, fit.mean, low, high, "min", int(lives.failures),
        int(len(lives.ages) - lives.failures), fit.law, fit.parameters, "; ".join(texts),
        nominal.mean, "; ".join([f"{mode.clock} minutes", *notes]),
    )  # fmt: skip


def choose_law(lives: Lives, nominal_shape: float) -> tuple[Fit, list[str]]:
    """The law of lowest AICc among exponential, Weibull of the nominal shape, and free Weibull.

    The second has as few parameters as the first, so that a short log does not talk a worn-out
    unit into a memoryless one for want of failures.
    """
    fits = {"nominal shape": fit_weibull(lives, nominal_shape)} if nominal_shape != 1 else {}
    fits["exponential"] = fit_exponential(lives)
    if lives.failures >= 4:
        fits["weibull"] = fit_weibull(lives)
    best = min(fits, key=lambda name: fits[name].aicc)
    others = ", ".join(f"{name} {fit.aicc:.1f}" for name, fit in fits.items())
    return fits[best], [f"{best} by AICc ({others})"]


def _with_prior(
    unit: str, mode: FailureMode, history: ModeHistory, peers: Sequence[Scaled]
) -> ParameterEstimate:
    """Law of the nominal shape, its scale with a gamma prior, see :func:`scale_posterior`."""
    nominal = mode.life
    shape = nominal_shape(nominal)
    unit_mean = math.gamma(1 + 1 / shape)
    centre = scale_posterior(peers, shape)[0] if peers else 1.0
    start = nominal_scale(mode)
    scale, low, high = (start * r for r in scale_posterior([(history, start)], shape, centre))
    law = "exponential" if shape == 1 else "weibull"
    parameters = {"scale": scale} if shape == 1 else {"shape": shape, "scale": scale}
    words = f"the nominal law counts for {PRIOR_FAILURES:g} more failures"
    if peers:
        count = sum(peer.failures for peer, _ in peers)
        words += f", corrected by {count} of {len(peers)} like units"
    if shape != 1:
        words += "; shape as nominal"
        if len(history.first.ages):
            words += "; the life under way when the log began is taken at an age of steady state"
    lives = joined(history.lives, history.first)
    return ParameterEstimate(
        "time_to_failure", unit, mode.id, scale * unit_mean, low * unit_mean,
        high * unit_mean, "min", int(lives.failures), int(len(lives.ages) - lives.failures), law,
        parameters,
        "too few failures to test a law", nominal.mean, f"{mode.clock} minutes; {words}",
    )  # fmt: skip


def scale_posterior(
    histories: Sequence[Scaled], shape: float, centre: float = 1.0
) -> tuple[float, float, float]:
    """Ratio r of Weibull scales to nominal at a known shape, and its 95 % credible interval.

    The prior of the rate r^−β is gamma, worth :data:`PRIOR_FAILURES` at the ratio ``centre``. The
    value is that of the posterior mean of the rate, which a plan's expected failures follow. All
    histories share one ratio; the posterior is summed on a grid.
    """
    ratio = centre * np.geomspace(0.02, 50, 2001)
    rate = (ratio / centre) ** -shape
    # Gamma density of the rate, times its derivative by ln r, which is −β times the rate.
    log_p = PRIOR_FAILURES * (np.log(rate) - rate)
    for history, nominal in histories:
        for age, failed in zip(history.lives.ages, history.lives.failed, strict=True):
            spent = (age / nominal / ratio) ** shape
            log_p += failed * np.log(spent) - spent
        for age, failed in zip(history.first.ages, history.first.failed, strict=True):
            log_p += residual_loglik(
                age / nominal, failed > 0, history.renewal_age / nominal, shape, ratio
            )
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    low, high = np.interp([0.025, 0.975], np.cumsum(p), ratio)
    return centre * float(p @ rate) ** (-1 / shape), float(low), float(high)


def residual_loglik(
    age: float, is_failure: bool, renewal_age: float, shape: float, scale: Array
) -> Array:
    """Log-likelihood of a life watched for ``age`` from a moment of steady state.

    The age a at that moment has a density in proportion to S(a) below the age A of preventive
    renewal. With M(x) = ∫₀ˣ S, a failure after t has density [S(t) − S(A + t)]/M(A), and survival
    to t has probability [M(A + t) − M(t)]/M(A) (Cox, Renewal Theory, 1962, §5.2).
    """

    def lived(x: float) -> Array:
        share: Array = special.gammainc(1 / shape, (x / scale) ** shape)
        return scale * share  # M(x) but for a factor that cancels in survival

    if is_failure:
        density = np.exp(-((age / scale) ** shape)) - np.exp(
            -(((renewal_age + age) / scale) ** shape)
        )
        top = density / (lived(renewal_age) * math.gamma(1 + 1 / shape))
    else:
        top = (lived(renewal_age + age) - lived(age)) / lived(renewal_age)
    result: Array = np.log(np.maximum(top, 1e-300))
    return result


def _first_left_out(history: ModeHistory) -> str:
    what = "failure" if history.first.failures else "censored life"
    return f"1 {what} left out: its age at the start of the log is unknown"


def joined(one: Lives, other: Lives) -> Lives:
    return Lives(np.append(one.ages, other.ages), np.append(one.failed, other.failed))


def nominal_scale(mode: FailureMode) -> float:
    """Scale of the Weibull of the nominal mean and shape [min]."""
    law = mode.life
    return law.mean / math.gamma(1 + 1 / nominal_shape(law))


def nominal_shape(law: Law) -> float:
    """Weibull shape nearest to a law; by its coefficient of variation for other families."""
    if isinstance(law, Weibull):
        return law.shape
    if isinstance(law, Exponential):
        return 1.0
    cv = max(variation(law), 0.05)
    # Justus et al. 1978, J. Applied Meteorology 17: β ≈ cv^−1.086.
    return float(np.clip(cv**-1.086, 0.3, 20.0))


def with_failures(unit: WorkUnit, estimates: list[ParameterEstimate]) -> WorkUnit:
    """The unit with its times to failure and to repair put in."""
    found = {(e.quantity, e.key): e for e in estimates}
    modes = []
    for mode in unit.failure_modes:
        update = {
            quantity: as_law(found[quantity, mode.id])
            for quantity in ("time_to_failure", "time_to_repair")
            if (quantity, mode.id) in found
        }
        modes.append(mode.model_copy(update=update))
    return unit.model_copy(update={"failure_modes": modes})


def as_law(estimate: ParameterEstimate) -> Law:
    """The law of an estimate as the plant writes it."""
    law: Law = TypeAdapter(Law).validate_python({"law": estimate.law, **estimate.parameters})
    return law
