"""Times to failure from a log: lives per failure mode, and the law that describes them.

How lives are read is said in :mod:`~twin.calibration.mode_lives`, how few failures are made to
speak in :mod:`~twin.calibration.life_posterior`. What a mode gets:

* The usual law is exponential where the plant file says so and the log does not contradict it,
  else Weibull. Another family needs evidence, see :mod:`~twin.calibration.law_choice`.
* Where failures come ever faster or slower, though repairs are said to make the mode as good as
  new, no law of lives is true. A power law tells the rate, and the plan uses the rate at the end of
  the log, unchanging: the nearest days are those it plans, and a rate extrapolated runs away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydantic import TypeAdapter

from twin.calibration.activity import Activity
from twin.calibration.estimates import Candidate, ParameterEstimate
from twin.calibration.goodness import describes, fit_p_value
from twin.calibration.law_choice import candidates_of, fits_of, preferred
from twin.calibration.life_laws import LAWS, LawName
from twin.calibration.life_posterior import Evidence, LifePosterior, posteriors
from twin.calibration.lifetimes import Fit, Lives, fit_exponential, mean_interval
from twin.calibration.mode_lives import ModeHistory
from twin.calibration.mode_lives import mode_history as mode_history
from twin.calibration.trend import fit_power_law, laplace_trend, military_trend, renewal_trend
from twin.model.failures import FailureMode
from twin.model.horizon import Array
from twin.model.laws import Exponential, Law, Weibull, variation
from twin.model.plant import WorkUnit

FEW = 4
"""With fewer failures laws are not compared."""
OWN_FAMILY = 10
"""Failures from which a nominal law other than Weibull and exponential keeps its family."""
TREND_FAILURES = 8
TREND_LEVEL = 0.01
"""A trend is believed when both tests reject at this level on so many failures: a plant has dozens
of modes, and one in twenty would otherwise have one by chance."""
CLOCK_EVIDENCE = 2.0
"""Log-likelihood by which another clock must be better to be named."""
_LAW: TypeAdapter[Law] = TypeAdapter(Law)
NAIVE_GAP = 0.05
"""Relative difference from which the mean without censored lives is told."""


@dataclass(frozen=True)
class ObservedMode:
    """A mode with its lives and the law they follow."""

    unit: WorkUnit
    mode: FailureMode
    history: ModeHistory
    law: LawName = "weibull"
    table: tuple[Candidate, ...] = ()
    has_trend: bool = False

    @property
    def evidence(self) -> Evidence:
        life = self.mode.life
        is_memoryless = self.law == "exponential"
        shape = 1.0 if is_memoryless else nominal_shape(life)
        return Evidence(self.history, life.mean, shape, is_memoryless)


def failure_estimates(activity: Activity) -> Iterator[ParameterEstimate]:
    """Time to failure of every mode of every unit whose states the log gives."""
    modes = [_with_law(m) for m in observed(activity)]
    yield from estimate_modes(modes)


def estimate_modes(modes: list[ObservedMode]) -> Iterator[ParameterEstimate]:
    """Each mode by its own lives where they say which law, the others together."""
    usual = [m for m in modes if not m.has_trend and m.law in ("exponential", "weibull")]
    found = dict(zip(map(id, usual), posteriors([m.evidence for m in usual]), strict=True))
    for m in modes:
        if m.has_trend:
            yield _with_trend(m)
        elif id(m) in found:
            yield _from_posterior(m, found[id(m)])
        else:
            yield _from_fit(m)


def observed(activity: Activity) -> Iterator[ObservedMode]:
    """Learnt modes with their histories, their law not yet chosen."""
    ends = _lot_ends(activity)
    for unit, mode, states in activity.observed_modes():
        if is_learnt(mode):
            history = mode_history(unit, mode, states, ends.get(unit.id))
            if history.clock_end > 0:
                yield ObservedMode(unit, mode, history)


def _lot_ends(activity: Activity) -> dict[str, Array]:
    """Instants at which lots ended on each unit [min]."""
    ended = activity.log.of_kind("end")
    minutes = (ended["time"] - activity.begin).dt.total_seconds().to_numpy(dtype=float) / 60
    units = ended["work_unit"].to_numpy()
    return {str(unit): minutes[units == unit] for unit in set(units)}


def is_learnt(mode: FailureMode) -> bool:
    """Whether a log of states shows the lives of a mode and the age at which each begins.

    Other modes keep the law of the plant file.
    """
    return (
        mode.time_to_failure is not None
        and mode.repair_effect != "chance"
        and mode.detected == "at_once"
    )


def of_mode(unit: WorkUnit, mode: FailureMode, history: ModeHistory) -> ObservedMode:
    """A mode with the law its lives follow."""
    return _with_law(ObservedMode(unit, mode, history))


def _with_law(m: ObservedMode) -> ObservedMode:
    """The mode with its law chosen and its trend tested."""
    lives, nominal = m.history.lives, m.mode.life
    is_memoryless = isinstance(nominal, Exponential)
    usual: LawName = "exponential" if is_memoryless else "weibull"
    if lives.failures < FEW:
        return ObservedMode(m.unit, m.mode, m.history, usual)
    if lives.failures >= OWN_FAMILY and nominal.law in LAWS:
        usual = nominal.law
    laws = LAWS if lives.failures >= OWN_FAMILY else ("exponential", "weibull")
    fits = fits_of(lives, laws)
    table = candidates_of(lives, fits, usual)
    if is_memoryless and fits["weibull"].aicc < fits["exponential"].aicc:
        usual = "weibull"
    scores = {candidate.law: candidate.held_out for candidate in table}
    law = preferred(fits, usual, scores)
    if law == "exponential" and not is_memoryless:
        law = usual  # the posterior of the shape may come to 1 by itself
    table = tuple(sorted(table, key=lambda c: (c.law != law, c.aicc)))
    return ObservedMode(m.unit, m.mode, m.history, law, table, _has_trend(m))


def _has_trend(m: ObservedMode) -> bool:
    times, end = m.history.failure_times, m.history.clock_end
    if m.mode.repair_effect != "new" or len(times) < TREND_FAILURES:
        return False
    return max(military_trend(times, end), renewal_trend(times, end)) < TREND_LEVEL


def _from_posterior(m: ObservedMode, found: LifePosterior) -> ParameterEstimate:
    """A mode among the others of the plant."""
    law = m.law
    parameters = {"scale": found.mean}
    texts = []
    if law == "weibull":
        parameters = {"shape": found.shape, "scale": found.scale}
        texts.append(f"shape {found.shape_low:.3g} … {found.shape_high:.3g}")
    notes = []
    if m.history.failures < FEW:
        notes.append("leans on the nominal life, as far as the other modes bear it out")
    if len(m.history.first.ages):
        notes.append("age at the log's start unknown: new or in steady state, as likely as told")
    fit = Fit(law, parameters, 0.0, len(parameters), m.history.lives.failures)
    return _estimate(m, found.mean, found.low, found.high, fit, texts, notes)


def _from_fit(m: ObservedMode) -> ParameterEstimate:
    """A mode whose lives alone say enough, in a family of its own."""
    best = next(c for c in m.table if c.law == m.law)
    fit = Fit(m.law, best.parameters, best.loglik, len(best.parameters), m.history.lives.failures)
    low, high = mean_interval(m.history.lives, fit)
    notes = []
    if len(m.history.first.ages):
        notes.append("1 life left out: its age at the start of the log is unknown")
    return _estimate(m, fit.mean, low, high, fit, [], notes, m.history.lives)


def _with_trend(m: ObservedMode) -> ParameterEstimate:
    """A mode whose failures come ever faster or slower: the rate at the end of the log."""
    times, end = m.history.failure_times, m.history.clock_end
    power = fit_power_law(times, np.zeros(1), np.array([end]))
    value, low, high = power.mean_time_interval(end)
    word = "faster" if power.shape > 1 else "slower"
    note = (
        f"failures come ever {word}: power law shape {power.shape:.3g}, scale {power.scale:.4g} "
        f"(MIL-HDBK-189 p {military_trend(times, end):.2g}, Laplace p "
        f"{laplace_trend(times, end):.2g}); the rate at the log's end is used, unchanging"
    )
    fit = Fit("exponential", {"scale": value}, 0.0, 1, len(times))
    return _estimate(m, value, low, high, fit, [], [note])


def _estimate(
    m: ObservedMode,
    value: float,
    low: float,
    high: float,
    fit: Fit,
    texts: list[str],
    notes: list[str],
    lives: Lives | None = None,
) -> ParameterEstimate:
    counted = m.history.all_lives if lives is None else lives
    p_value = None if m.has_trend else _p_value(m)
    texts = [*_choice_words(m), *texts]
    if not m.has_trend:
        texts.append(describes(p_value, m.law))
    clock = "lots" if m.mode.clock == "count" else f"{m.mode.clock} minutes"
    effect = {"new": "", "old": "repairs leave the age", "partial": "repairs restore a part"}
    notes = [clock, effect.get(m.mode.repair_effect, ""), *notes, *_naive(counted, value)]
    notes.append(_clock_words(m))
    return ParameterEstimate(
        "time_to_failure", m.unit.id, m.mode.id, value, low, high,
        "lots" if m.mode.clock == "count" else "min", int(counted.failures),
        int(counted.censored), fit.law, fit.parameters, "; ".join(texts), m.mode.life.mean,
        "; ".join(note for note in notes if note), m.table, p_value,
    )  # fmt: skip


def _p_value(m: ObservedMode) -> float | None:
    """Of the chosen law fitted to the lives of known age alone, as the test wants it."""
    lives = m.history.lives
    if lives.failures < FEW:
        return None
    fit = fit_exponential(lives) if m.law == "exponential" else None
    if fit is None:
        row = next((c for c in m.table if c.law == m.law), None)
        if row is None:
            return None
        fit = Fit(m.law, row.parameters, row.loglik, len(row.parameters), lives.failures)
    return fit_p_value(lives, fit)


def _choice_words(m: ObservedMode) -> list[str]:
    if not m.table:
        return []
    others = ", ".join(f"{c.law} {c.aicc:.1f}" for c in m.table)
    return [f"AICc {others}"]


def _naive(lives: Lives, value: float) -> list[str]:
    """What the mean would be without the lives that were cut short, where it differs."""
    if lives.failures == 0 or lives.censored == 0 or np.any(lives.entry > 0):
        return []
    naive = float(lives.weight @ (lives.failed * lives.ages)) / lives.failures
    if abs(naive / value - 1) < NAIVE_GAP:
        return []
    share = 100 * (naive / value - 1)
    return [f"without the {lives.censored:.0f} lives cut short it would be {naive:.4g} "
            f"({share:+.0f} %)"]  # fmt: skip


def _clock_words(m: ObservedMode) -> str:
    """The clock that describes the failures best, where that is not the plant's."""
    fits = m.history.fits
    if not fits:
        return ""
    best = max(fits, key=lambda name: fits[name])
    gain = fits[best] - fits[m.mode.clock]
    if best == m.mode.clock or gain < CLOCK_EVIDENCE:
        return ""
    return f"the clock {best} fits better by {gain:.1f} log-likelihood units than {m.mode.clock}"


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
    return _LAW.validate_python({"law": estimate.law, **estimate.parameters})
