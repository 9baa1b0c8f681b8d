"""Repair times and waits for the crew, told apart.

A repair is minutes with a crew at work (state *repair*); the wait for it (state *down*) comes from
crews and shifts, which the twin has itself, and is reported beside. The usual law of a repair is
lognormal; Weibull or gamma need evidence, see :mod:`~twin.calibration.law_choice`. A repair under
way when the log ends is censored. With few repairs the nominal law counts as two more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import stats

from twin.calibration.activity import Activity, UnitActivity
from twin.calibration.estimates import ParameterEstimate
from twin.calibration.goodness import describes, fit_p_value
from twin.calibration.law_choice import candidates_of, fits_of, preferred
from twin.calibration.life_laws import LawName
from twin.calibration.lifetimes import Fit, Lives, mean_interval
from twin.calibration.robust import lognormal_mean, sigma_of
from twin.model.failures import FailureMode
from twin.model.horizon import Array
from twin.model.laws import Constant, Law, Lognormal, variation

FEW = 3
PRIOR_REPAIRS = 2.0
"""Repairs of the nominal length that the prior is worth, where there are few."""
OTHERS = 10
"""Finished repairs from which other laws than the lognormal are compared."""
LAWS: tuple[LawName, ...] = ("lognormal", "weibull", "gamma")
RESAMPLES = 1999


def repair_estimates(activity: Activity) -> Iterator[ParameterEstimate]:
    """Time to repair of every mode that was repaired in the log, and its wait for the crew."""
    found = [
        (unit, mode, repairs_of(mode, states), waits_of(mode, states))
        for unit, mode, states in activity.observed_modes()
    ]
    for unit, mode, repairs, waits in found:
        like = [
            _log_ratios(other_mode, others)
            for other, other_mode, others, _ in found
            if other is not unit and other.area == unit.area and other_mode.id == mode.id
        ]
        if len(repairs.ages):
            yield _of_mode(unit.id, mode, repairs, np.concatenate([np.zeros(0), *like]))
        if mode.crew is not None and len(waits):
            yield _wait(unit.id, mode, waits)


def _log_ratios(mode: FailureMode, repairs: Lives) -> Array:
    """ln(repair time over the nominal median) of finished repairs."""
    logs: Array = np.log(repairs.ages[repairs.failed > 0]) - _nominal_mu(mode)
    return logs


def _nominal_mu(mode: FailureMode) -> float:
    """μ of the lognormal with the nominal mean and spread."""
    return math.log(mode.time_to_repair.mean) - spread_of(mode.time_to_repair) ** 2 / 2


def repairs_of(mode: FailureMode, states: UnitActivity) -> Lives:
    """Repair durations of one mode [min]; 0 in ``failed`` marks one the log's end cuts short.

    The first is left out when the log begins inside it.
    """
    found = states.episodes(["repair"], through=["down"])
    found = found[(found["reason"] == mode.id) & (found["minutes"] > 0) & (found["first"] > 0)]
    return Lives(
        found["minutes"].to_numpy(dtype=float), 1.0 - found["is_open"].to_numpy(dtype=float)
    )


def waits_of(mode: FailureMode, states: UnitActivity) -> Array:
    """Minutes from each failure of a mode to the first minute of its repair; 0 where a crew was
    free.

    A stop that never came to its repair in the log is left out, as is one that began before it.
    """
    names, reasons = states.states.to_numpy(), states.reasons.to_numpy()
    waits = []
    stops = states.episodes(["down", "repair"])
    for first, last, reason in zip(stops["first"], stops["last"], stops["reason"], strict=True):
        rows = range(int(first), int(last) + 1)
        crewed = [i for i in rows if names[i] == "repair" and reasons[i] == mode.id]
        if reason == mode.id and first > 0 and crewed:
            waits.append(float(states.starts[crewed[0]] - states.starts[int(first)]))
    return np.array(waits, dtype=float)


def _of_mode(unit: str, mode: FailureMode, repairs: Lives, like: Array) -> ParameterEstimate:
    if repairs.failures < FEW:
        return _with_prior(unit, mode, repairs, like)
    fits = fits_of(repairs, LAWS if repairs.failures >= OTHERS else LAWS[:1])
    usual: LawName = "lognormal"
    if mode.time_to_repair.law in fits:
        usual = mode.time_to_repair.law
    table = candidates_of(repairs, fits, usual)
    law = preferred(fits, usual, {row.law: row.held_out for row in table})
    table = tuple(sorted(table, key=lambda row: (row.law != law, row.aicc)))
    value, low, high, parameters = _mean_of(repairs, fits[law])
    p_value = fit_p_value(repairs, fits[law])
    better = ", ".join(
        f"{fits[law].loglik - fits[other].loglik:+.1f} against {other}"
        for other in fits
        if other != law
    )
    texts = [f"log-likelihood {better}"] if better else []
    return ParameterEstimate(
        "time_to_repair", unit, mode.id, value, low, high, "min", int(repairs.failures),
        int(repairs.censored), law, parameters,
        "; ".join([*texts, describes(p_value, law).replace("lives", "repairs")
                   .replace("failures", "repairs")]),
        mode.time_to_repair.mean, "", table, p_value,
    )  # fmt: skip


def _mean_of(repairs: Lives, fit: Fit) -> tuple[float, float, float, dict[str, float]]:
    """Mean of a law with its interval, and the law's parameters."""
    if fit.law != "lognormal":
        return fit.mean, *mean_interval(repairs, fit), fit.parameters
    done = repairs.failures
    # The likelihood's σ divides by n; n − 1 keeps the mean unbiased for few repairs.
    sigma = max(fit.parameters["sigma"] * math.sqrt(done / (done - 1)), 1e-6)
    median = fit.parameters["median"]
    interval = lognormal_mean(math.log(median), sigma, done, done - 1)
    return *interval, {"median": median, "sigma": sigma}


def _with_prior(unit: str, mode: FailureMode, repairs: Lives, like: Array) -> ParameterEstimate:
    """Few repairs: the nominal spread, and a median between theirs and the nominal one."""
    done = repairs.ages[repairs.failed > 0]
    mu0 = _nominal_mu(mode) + float(like.sum()) / (PRIOR_REPAIRS + len(like))
    n = PRIOR_REPAIRS + len(done)
    mu = (PRIOR_REPAIRS * mu0 + float(np.log(done).sum())) / n
    sigma = max(spread_of(mode.time_to_repair), 1e-6)
    value = math.exp(mu + sigma**2 / 2)
    reach = float(stats.norm.ppf(0.975)) * math.sqrt(sigma**2 / n + sigma**4 / (2 * n))
    notes = [f"nominal spread; the nominal law counts for {PRIOR_REPAIRS:g} more repairs"]
    if len(like):
        notes.append(f"corrected by {len(like)} repairs of like units")
    return ParameterEstimate(
        "time_to_repair", unit, mode.id, value, value * math.exp(-reach), value * math.exp(reach),
        "min", len(done), len(repairs.ages) - len(done), "lognormal",
        {"median": math.exp(mu), "sigma": sigma}, "", mode.time_to_repair.mean, "; ".join(notes),
    )  # fmt: skip


def _wait(unit: str, mode: FailureMode, waits: Array) -> ParameterEstimate:
    low, high = mean_wait_interval(waits, mode.time_to_repair.mean)
    waited = waits[waits > 0]
    share = len(waited) / len(waits)
    note = f"{100 * share:.0f} % of failures waited"
    if len(waited):
        note += f", half of them longer than {float(np.median(waited)):.3g} min"
    return ParameterEstimate(
        "waiting_for_crew", unit, mode.id, float(waits.mean()), low, high, "min", len(waits),
        parameters={"share": share}, note=f"{note}; the twin has it from crews and shifts",
    )  # fmt: skip


def mean_wait_interval(waits: Array, usual: float) -> tuple[float, float]:
    """95 % interval of the mean of waits, many of them 0 and a few a whole night.

    Where all are alike the data do not tell their spread: the interval then allows for three more
    waits of a ``usual`` length, by the rule of three.

    Bootstrap-t (Efron & Tibshirani 1993, ch. 12): the resamples show how skewed (x̄* − x̄)/s* is,
    which Student's t does not know.
    """
    n, mean, spread = len(waits), float(waits.mean()), float(waits.std())
    if n < 2 or spread == 0:
        return mean / 4, max(4 * mean, 3 * usual / n)
    rng = np.random.default_rng([n, 7])
    drawn = waits[rng.integers(n, size=(RESAMPLES, n))]
    spreads = np.maximum(drawn.std(axis=1), 0.05 * spread)
    low, high = np.quantile((drawn.mean(axis=1) - mean) / spreads, [0.025, 0.975])
    return max(mean - float(high) * spread, 0.0), mean - float(low) * spread


def spread_of(law: Law) -> float:
    """σ of the lognormal with the law's coefficient of variation."""
    if isinstance(law, Lognormal):
        return law.sigma
    if isinstance(law, Constant):
        return 0.05
    return sigma_of(max(variation(law), 0.05))
