"""Repair times: minutes with a crew at work, the wait for it excluded; lognormal.

A repair under way when the log ends is censored. With few repairs the nominal law counts as two
more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import stats

from twin.calibration.activity import Activity, UnitActivity
from twin.calibration.estimates import ParameterEstimate
from twin.calibration.lifetimes import Lives, fit_lognormal, fit_weibull
from twin.calibration.robust import lognormal_mean, sigma_of
from twin.model.failures import FailureMode
from twin.model.horizon import Array
from twin.model.laws import Constant, Law, Lognormal, variation

FEW = 3
PRIOR_REPAIRS = 2.0
"""Repairs of the nominal length that the prior is worth, where there are few."""


def repair_estimates(activity: Activity) -> Iterator[ParameterEstimate]:
    """Time to repair of every mode that was repaired in the log."""
    found = [
        (unit, mode, repairs_of(mode, states)) for unit, mode, states in activity.observed_modes()
    ]
    for unit, mode, repairs in found:
        like = [
            _log_ratios(other_mode, others)
            for other, other_mode, others in found
            if other is not unit and other.area == unit.area and other_mode.id == mode.id
        ]
        if len(repairs.ages):
            yield _of_mode(unit.id, mode, repairs, np.concatenate([np.zeros(0), *like]))


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


def _of_mode(unit: str, mode: FailureMode, repairs: Lives, like: Array) -> ParameterEstimate:
    done = repairs.ages[repairs.failed > 0]
    nominal = mode.time_to_repair
    sigma0 = spread_of(nominal)
    notes = []
    fit_text = ""
    if len(done) < FEW:
        mu0 = _nominal_mu(mode) + float(like.sum()) / (PRIOR_REPAIRS + len(like))
        n = PRIOR_REPAIRS + len(done)
        mu = (PRIOR_REPAIRS * mu0 + float(np.log(done).sum())) / n
        sigma = sigma0
        value = math.exp(mu + sigma**2 / 2)
        reach = float(stats.norm.ppf(0.975)) * math.sqrt(sigma**2 / n + sigma**4 / (2 * n))
        low, high = value * math.exp(-reach), value * math.exp(reach)
        notes.append(f"nominal spread; the nominal law counts for {PRIOR_REPAIRS:g} more repairs")
        if len(like):
            notes.append(f"corrected by {len(like)} repairs of like units")
    else:
        fit = fit_lognormal(repairs)
        # The likelihood's σ divides by n; n − 1 keeps the mean unbiased for few repairs.
        sigma = fit.parameters["sigma"] * math.sqrt(len(done) / (len(done) - 1))
        mu = math.log(fit.parameters["median"])
        value, low, high = lognormal_mean(mu, max(sigma, 1e-6), len(done), len(done) - 1)
        better = fit.loglik - fit_weibull(repairs).loglik
        fit_text = f"log-likelihood {better:+.1f} against Weibull"
    return ParameterEstimate(
        "time_to_repair", unit, mode.id, value, low, high, "min", len(done),
        len(repairs.ages) - len(done),
        "lognormal", {"median": math.exp(mu), "sigma": max(sigma, 1e-6)}, fit_text, nominal.mean,
        "; ".join(notes),
    )  # fmt: skip


def spread_of(law: Law) -> float:
    """σ of the lognormal with the law's coefficient of variation."""
    if isinstance(law, Lognormal):
        return law.sigma
    if isinstance(law, Constant):
        return 0.05
    return sigma_of(max(variation(law), 0.05))
