"""The same maximum likelihood for many samples at once: what a bootstrap of a plant calls.

Rows are samples, columns are lives; a life that a sample does not have gets the weight 0. Every
function returns NaN for a sample in which nothing failed.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from twin.calibration.lifetimes import SHAPES
from twin.model.horizon import Array

_ROUNDS = 60
_SETTLED = 1e-10
_HALF_LOG_TAU = 0.5 * np.log(2 * np.pi)


def fit_exponential_many(ages: Array, failed: Array, weight: Array | None = None) -> Array:
    """Scale of the exponential law of each of B samples; (B,)."""
    w = np.ones_like(ages) if weight is None else weight
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.sum(w * ages, axis=1) / np.sum(w * failed, axis=1)
    return np.where(np.isfinite(scale), scale, np.nan)


def fit_weibull_many(
    ages: Array, failed: Array, weight: Array | None = None, entry: Array | None = None
) -> tuple[Array, Array]:
    """Shape and scale of the Weibull law of each of B samples.

    Newton's method on g(ln β) = Σw(t^β ln t − e^β ln e)/Σw(t^β − e^β) − 1/β − Σwδ ln t/Σwδ, which
    rises with β; steps that leave the bracket are halved into it.

    Parameters
    ----------
    ages, failed, weight, entry : (B, n)
        Age at the end of each life, above 0; 1 for a failure; how many lives it stands for; age at
        which observation begins.
    """
    w = np.ones_like(ages) if weight is None else weight
    top = np.max(np.where(w > 0, ages, 0.0), axis=1, keepdims=True)
    log_t = np.log(np.where(w > 0, ages, top) / top)
    log_e = np.full_like(log_t, -np.inf)
    if entry is not None:
        with np.errstate(divide="ignore"):
            log_e = np.log(entry / top)
    late = bool(np.any(log_e > -np.inf))
    dead = w * failed
    count = dead.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_log = np.sum(dead * log_t, axis=1) / count
    low, high = np.full(len(ages), np.log(SHAPES[0])), np.full(len(ages), np.log(SHAPES[1]))
    x = np.clip(_first_guess(log_t, dead, count), low + 1e-3, high - 1e-3)
    for _ in range(_ROUNDS):
        shape = np.exp(x)
        g, slope = _score(shape, log_t, log_e if late else None, w, mean_log)
        low, high = np.where(g < 0, x, low), np.where(g > 0, x, high)
        step = x - g / slope
        inside = (step > low) & (step < high)
        new = np.where(inside, step, (low + high) / 2)
        settled = np.abs(new - x) < _SETTLED
        x = new
        if np.all(settled | ~np.isfinite(g)):
            break
    shape = np.exp(x)
    spent = np.sum(w * np.exp(shape[:, None] * log_t), axis=1)
    if late:
        spent -= np.sum(w * np.exp(shape[:, None] * log_e), axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = top[:, 0] * (spent / count) ** (1 / shape)
    none = count <= 0
    return np.where(none, np.nan, shape), np.where(none, np.nan, scale)


def fit_lognormal_many(
    ages: Array, failed: Array, weight: Array | None = None
) -> tuple[Array, Array]:
    """Median and σ of the lognormal law of each of B samples.

    The expectation–maximisation of Aitkin (1981) for a censored normal: each censored logarithm is
    replaced by its mean above the limit, λ(z) = φ(z)/Φ(−z) deviations beyond μ.
    """
    w = np.ones_like(ages) if weight is None else weight
    y, total = np.log(ages), w.sum(axis=1)
    alive = w * (1 - failed)
    mu = np.sum(w * y, axis=1) / total
    sigma = np.sqrt(np.maximum(np.sum(w * (y - mu[:, None]) ** 2, axis=1) / total, 1e-12))
    for _ in range(2000):
        z = (y - mu[:, None]) / sigma[:, None]
        beyond = np.exp(-0.5 * z * z - _HALF_LOG_TAU - special.log_ndtr(-z))
        filled = np.where(alive > 0, mu[:, None] + sigma[:, None] * beyond, y)
        new_mu = np.sum(w * filled, axis=1) / total
        square = np.sum(w * (filled - new_mu[:, None]) ** 2, axis=1)
        # Variance of a normal above a limit: σ² [1 − λ(z) (λ(z) − z)].
        unseen = sigma**2 * np.sum(alive * (1 - beyond * (beyond - z)), axis=1)
        new_sigma = np.sqrt(np.maximum((square + unseen) / total, 1e-12))
        change = np.max(np.abs(new_mu - mu) + np.abs(new_sigma - sigma), initial=0.0)
        mu, sigma = new_mu, new_sigma
        if change < 1e-9:
            break
    none = np.sum(w * failed, axis=1) <= 0
    return np.where(none, np.nan, np.exp(mu)), np.where(none, np.nan, sigma)


def _first_guess(log_t: Array, dead: Array, count: Array) -> Array:
    """ln β from the spread of the failures' logarithms, 1.28/σ for whole samples."""
    safe = np.maximum(count, 1e-12)
    centre = np.sum(dead * log_t, axis=1) / safe
    square = np.sum(dead * (log_t - centre[:, None]) ** 2, axis=1) / safe
    guess: Array = np.log(1.28 / np.sqrt(np.maximum(square, 1e-4)))
    return guess


def _score(
    shape: Array, log_t: Array, log_e: Array | None, w: Array, mean_log: Array
) -> tuple[Array, Array]:
    """g and its derivative by ln β."""
    power = w * np.exp(shape[:, None] * log_t)
    zero, one, two = (np.sum(power * log_t**k, axis=1) for k in range(3))
    if log_e is not None:
        finite = np.where(log_e > -np.inf, log_e, 0.0)
        before = w * np.exp(shape[:, None] * log_e)
        zero = zero - before.sum(axis=1)
        one = one - np.sum(before * finite, axis=1)
        two = two - np.sum(before * finite**2, axis=1)
    g = one / zero - 1 / shape - mean_log
    slope = shape * (two / zero - (one / zero) ** 2 + 1 / shape**2)
    return g, slope
