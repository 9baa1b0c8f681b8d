"""Times of many changes of setup from few visits of each: a pair leans on those it resembles.

The mean logarithm of the visits of pair q = (from, to), less what is written down for it, is normal
around μ + (effect of to) + (effect of from) + (effect of the two families) + (effect of the pair),
each with its own variance τ², and the luck of the visits, σ²/n. Given the variances, the best
prediction of a pair, seen or not, weighs its own visits against all others (Henderson 1975,
Biometrics 31). The variances are those of the greatest restricted likelihood, drawn softly towards
what setups commonly show, so that three pairs do not prove that all are alike.

What is written down counts only if the visits are likelier with it than without.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from twin.model.horizon import Array

Pair = tuple[str, str]
COMMON = (0.02, 0.02, 0.03, 0.03)
"""Spread of logarithms by to, from, families and pair that is expected before anything is seen."""
DOUBT = 3.0
"""Standard deviation of the logarithm of these spreads."""
WIDEST = 6.0
"""Logarithm by which a spread is sought around the common one."""
LEAST_NOISE = 1e-9
"""Luck of a visit at least, over the variance of all pairs: keeps the numbers sound."""
WITHOUT_NOMINAL = 1.0
"""Unit of the spreads by to, from and families where nothing is written down: far larger."""
CHOICE_FROM = 3
"""Pairs from which what is written down may be found useless."""


@dataclass(frozen=True)
class SetupModel:
    """Fitted to the pairs seen."""

    pairs: tuple[Pair, ...]
    offset: Callable[[Pair], float]
    """Logarithm of what is written down; 0 for all pairs where that is not used."""
    uses_nominal: bool
    family: Callable[[str], str]
    spreads: tuple[float, ...]
    """τ by to, from, families and pair."""
    centre: float
    """μ."""
    rest: Array
    """V⁻¹ (ȳ − offset − μ)."""
    inverse: Array
    """V⁻¹."""

    def predict(self, pair: Pair) -> tuple[float, float, float]:
        """Mean logarithm of a pair's time, its variance, and the weight of the pair's own visits.

        The variance is that of a pair of which just the visits seen are known.
        """
        k = _alike([pair], self.pairs, self.family, self.spreads)[0]
        total = sum(s * s for s in self.spreads)
        pull = self.inverse @ k
        left = 1.0 - float(pull.sum())
        variance = total - float(k @ pull) + left**2 / float(self.inverse.sum())
        own = float(pull[self.pairs.index(pair)]) if pair in self.pairs else 0.0
        mean = self.offset(pair) + self.centre + float(k @ self.rest)
        return mean, max(variance, 0.0), own

    def covariance(self, pairs: Sequence[Pair]) -> Array:
        """(P, P) of the errors of the predictions of some pairs."""
        among = _alike(pairs, pairs, self.family, self.spreads)
        with_seen = _alike(pairs, self.pairs, self.family, self.spreads)
        pull = with_seen @ self.inverse
        left = 1.0 - pull.sum(axis=1)
        found: Array = among - pull @ with_seen.T + np.outer(left, left) / self.inverse.sum()
        return found

    @property
    def unseen(self) -> tuple[float, float]:
        """Mean and variance of a pair that resembles no other, before its offset."""
        return self.centre, sum(s * s for s in self.spreads) + 1 / float(self.inverse.sum())


def fit_setups(
    pairs: Sequence[Pair], means: Array, counts: Array, sigma2: float,
    nominal: Callable[[Pair], float], family: Callable[[str], str],
) -> SetupModel:  # fmt: skip
    """The model of the mean logarithms of some pairs, each visited so many times.

    Parameters
    ----------
    sigma2
        Variance of the logarithms of one pair's visits.
    nominal
        What is written down for a pair [min]; 0 for nothing.
    """
    written = [math.log(t) for p in pairs if (t := nominal(p)) > 0]
    typical = sum(written) / len(written) if written else 0.0

    def offset(pair: Pair) -> float:
        return math.log(t) if (t := nominal(pair)) > 0 else typical

    with_nominal = _fit(pairs, means, counts, sigma2, offset, True, family)
    if written and len(pairs) < CHOICE_FROM:
        return with_nominal[0]
    without = _fit(pairs, means, counts, sigma2, lambda pair: 0.0, False, family)
    best = max([with_nominal, without] if written else [without], key=lambda found: found[1])
    return best[0]


def ratio_model(
    model: SetupModel, means: Array, counts: Array, sigma2: float,
    nominal: Callable[[Pair], float],
) -> SetupModel:  # fmt: skip
    """The model of the pairs with something written down, over what is written down."""
    if model.uses_nominal:
        return model
    kept = [i for i, p in enumerate(model.pairs) if nominal(p) > 0]
    pairs = [model.pairs[i] for i in kept]
    log = {p: math.log(nominal(p)) for p in pairs}
    found, _ = _fit(
        pairs, means[kept], counts[kept], sigma2, lambda p: log.get(p, 0.0), True, model.family
    )
    return found


def _fit(
    pairs: Sequence[Pair], means: Array, counts: Array, sigma2: float,
    offset: Callable[[Pair], float], uses_nominal: bool, family: Callable[[str], str],
) -> tuple[SetupModel, float]:  # fmt: skip
    """The model, and the logarithm of its penalised restricted likelihood."""
    y = means - np.array([offset(p) for p in pairs])
    common = np.log(COMMON)
    if not uses_nominal:
        common[:3] = math.log(WITHOUT_NOMINAL) + np.log((0.3, 0.3, 0.6))
    parts = _parts(pairs, pairs, family)

    def variance(log_spreads: Array) -> Array:
        """V, by spreads that are neither nothing nor endless, so that it has an inverse."""
        squares = np.exp(2 * np.clip(log_spreads, common - WIDEST, common + WIDEST))
        least = LEAST_NOISE * float(squares.sum())
        found: Array = np.tensordot(squares, parts, 1) + np.diag(sigma2 / counts + least)
        return found

    def penalised(log_spreads: Array) -> tuple[float, Array]:
        """−2 × the restricted log-likelihood and the penalty, halved; and its slope.

        With P = V⁻¹ − V⁻¹11'V⁻¹/1'V⁻¹1, the slope by τ² is tr(P dV) − y'P dV P y (Searle, Casella
        & McCulloch, Variance Components, 1992, §6.6).
        """
        v = variance(log_spreads)
        inverse = np.linalg.inv(v)
        column = inverse.sum(axis=1)
        ones = float(column.sum())
        projected = inverse - np.outer(column, column) / ones
        rest = projected @ y
        restricted = float(np.linalg.slogdet(v)[1]) + math.log(ones) + float(y @ rest)
        slope = np.tensordot(parts, projected - np.outer(rest, rest), 2)
        slope *= np.exp(2 * log_spreads) * (np.abs(log_spreads - common) < WIDEST)
        away = (log_spreads - common) / DOUBT
        return 0.5 * (restricted + float(away @ away)), slope + away / DOUBT

    found = optimize.minimize(
        penalised, common, jac=True, method="BFGS", options={"gtol": 1e-4},
    )  # fmt: skip
    best = np.clip(found.x, common - WIDEST, common + WIDEST)
    spreads = tuple(float(s) for s in np.exp(best))
    inverse = np.asarray(np.linalg.inv(variance(best)), dtype=float)
    mu = float((inverse @ y).sum() / inverse.sum())
    model = SetupModel(
        tuple(pairs), offset, uses_nominal, family, spreads, mu, inverse @ (y - mu), inverse
    )
    return model, -float(found.fun)


def _parts(rows: Sequence[Pair], columns: Sequence[Pair], family: Callable[[str], str]) -> Array:
    """(4, R, C): 1 where two pairs share the to, the from, the families, and everything."""
    traits = (
        lambda p: p[1], lambda p: p[0], lambda p: (family(p[0]), family(p[1])), lambda p: p,
    )  # fmt: skip
    number: dict[object, int] = {}
    found = []
    for trait in traits:
        a = [number.setdefault(trait(p), len(number)) for p in rows]
        b = [number.setdefault(trait(p), len(number)) for p in columns]
        found.append(np.equal.outer(a, b).astype(float))
    return np.array(found)


def _alike(
    rows: Sequence[Pair], columns: Sequence[Pair], family: Callable[[str], str],
    spreads: Sequence[float],
) -> Array:  # fmt: skip
    """(R, C) covariance of the pairs' effects."""
    found: Array = np.tensordot(np.square(spreads), _parts(rows, columns, family), 1)
    return found
