"""The lots of one operation on one unit as times per piece: told apart, and laws fitted to them.

Keys (products, families) have times of their own; the law, the stops and, where a key has few lots,
the spread are those of all together.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from twin.calibration.fit_times import (
    Fitted,
    Stamped,
    Tail,
    choose,
    compare,
    fit_law,
    fit_p_value,
)
from twin.calibration.micro_stops import Integers, Split, split_lots
from twin.calibration.robust import LEAST_SPREAD, sigma_of
from twin.calibration.time_laws import EXPONENTIAL, GAMMA, LOGNORMAL, WEIBULL, TimeLaw
from twin.model.horizon import Array
from twin.model.plant import Processing

OWN_SPREAD_FROM = 30
"""With so many lots a family shows its own spread; with fewer it borrows that of its operation."""
LAWS_FROM = 30
"""Lots needed to compare laws."""
COARSE = 0.01
"""Rounding of less than this share of the spread's variance is taken for none."""
SPREADS = ("lognormal", "gamma", "exponential")
"""Laws that a plant file has for a lot's time."""


@dataclass(frozen=True)
class Paces:
    """Times per piece (kg, load, order) of the lots of one row, told apart and fitted."""

    names: list[str]
    """(K,) keys."""
    keys: Integers
    """(N,) number of each lot's key."""
    seen: Stamped
    amounts: Array
    noise: Array
    """(N,) variance of the logarithm from rounding."""
    split: Split
    centre: Array
    """(K,) mean logarithm of plain times."""
    sigma: float = 0.0
    """Of plain times of all keys."""
    own_sigma: Array = field(default_factory=lambda: np.array([]))
    """(K,) of the key, or that of all where it has few lots."""
    fits: tuple[Fitted, ...] = ()
    """Laws of the times over exp(centre), the chosen one first; empty for few lots."""
    p_value: float | None = None

    @property
    def freedom(self) -> float:
        return float(self.split.plain.sum()) - len(self.names)

    @property
    def law(self) -> TimeLaw:
        return self.fits[0].law if self.fits else LOGNORMAL

    def tail(self, centre: float = 0.0) -> Tail | None:
        """Lots with a stop, for a key of this centre."""
        s = self.split
        return Tail(s.share, float(np.exp(centre + s.shift)), s.spread) if s.has_stops else None

    @staticmethod
    def of(lots: pd.DataFrame, row: Processing) -> Paces:
        names, keys = np.unique(lots["key"].to_numpy(str), return_inverse=True)
        amounts = lots["amount"].to_numpy(float)
        seen = Stamped(
            lots["working"].to_numpy(float) / amounts, lots["width"].to_numpy() / amounts
        )
        middle = np.array([np.median(seen.values[keys == k]) for k in range(len(names))])[keys]
        noise = np.minimum(seen.widths**2 / 6 / np.maximum(middle, seen.widths / 2) ** 2, 1.0)
        logs = np.log(np.maximum(seen.values, seen.widths / 4)) + noise / 2
        split = split_lots(logs, keys, noise)
        bare = Paces([str(n) for n in names], keys, seen, amounts, noise, split, split.centre)
        return bare._fitted(logs, row)

    def _fitted(self, logs: Array, row: Processing) -> Paces:
        sigma = self.split.sigma if self.freedom > 0 else sigma_of(row.cv)
        centre, own = self._by_key(logs, sigma)
        refined = replace(self, centre=centre, sigma=sigma, own_sigma=own)
        kept = self.split.is_kept
        if self.split.plain.sum() < LAWS_FROM:
            return refined
        scale = np.exp(centre[self.keys[kept]])
        widths = self.seen.widths[kept] if refined._is_coarse(sigma) else np.zeros(len(scale))
        ratios = Stamped(self.seen.values[kept] / scale, widths / scale)
        laws = [LOGNORMAL, GAMMA, WEIBULL]
        laws += [EXPONENTIAL] if row.spread == "exponential" or sigma > 0.5 else []
        others = len(self.names) - 1 + (3 if self.split.has_stops else 0)
        tail = refined.tail()
        fits = choose(
            compare(ratios, laws, (0.0, max(sigma, LEAST_SPREAD / 5)), tail, others),
            row.spread, SPREADS,
        )  # fmt: skip
        if refined._is_coarse(sigma):
            usual = next(f for f in fits if f.law is LOGNORMAL)
            sigma = float(np.exp(usual.theta[1]))
        p_value = fit_p_value(ratios, fits[0], tail)
        return replace(refined, sigma=sigma, fits=tuple(fits), p_value=p_value)

    def _is_coarse(self, sigma: float) -> bool:
        return float(self.noise.mean()) > COARSE * sigma**2

    def _by_key(self, logs: Array, sigma: float) -> tuple[Array, Array]:
        """Centre and sigma of each key, by the exact likelihood where rounding matters."""
        centre, own = self.split.centre.copy(), np.full(len(self.names), sigma)
        for k in range(len(self.names)):
            mine = (self.keys == k) & self.split.is_kept
            plain = self.split.plain[mine]
            if plain.sum() < OWN_SPREAD_FROM:
                continue
            rest = logs[mine] - centre[k]
            variance = float(plain @ rest**2) / float(plain.sum() - 1)
            variance -= float(plain @ self.noise[mine]) / float(plain.sum())
            own[k] = np.sqrt(max(variance, (LEAST_SPREAD / 5) ** 2))
            if self._is_coarse(sigma):
                start = (float(centre[k]), float(np.log(own[k])))
                theta, _ = fit_law(LOGNORMAL, self.seen.part(mine), start, self.tail(start[0]))
                centre[k], own[k] = theta[0], float(np.exp(theta[1]))
        return centre, own

    def known(self, k: int) -> tuple[float, float, float]:
        """Plain lots of a key, degrees of freedom of its sigma, and its rounding's variance."""
        mine = self.keys == k
        plain = self.split.plain[mine]
        n = float(plain.sum())
        freedom = n - 1 if n >= OWN_SPREAD_FROM else max(self.freedom, 1.0)
        return n, freedom, float(plain @ self.noise[mine]) / max(n, 1e-9)
