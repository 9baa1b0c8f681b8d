"""The prices of the Lagrangian bound: what orders pay, what power costs, and what the site keeps.

====================  =====  =====================================================================
In code               Sign   Row that is relaxed
====================  =====  =====================================================================
``orders`` λ_j        free   order j is made once (and tasks beyond those exact in the nodes)
``peak`` μ_t          ≥ 0    import of slot t ≤ peak K;  Σ μ_t ≤ demand charge
``contract`` ν_t      ≥ 0    import of slot t ≤ contract
``carbon`` κ          ≥ 0    carbon of the lines ≤ cap [currency/kgCO2e]
``slope`` e_t                power cost F_t(P) ≥ a_t + e_t·P [currency/kWh]
====================  =====  =====================================================================

F_t is linear where the site imports, or exports, whatever the lines do; there e_t is its rate.
Where both may happen, e_t moves between feed-in and rate, and the line through the kink at
P = G_t is below F_t; where feed-in is above the rate, F_t is not convex and e_t is the chord from
no line to all lines. With given prices the lines are apart:

    bound = Σ_l cheapest week of l at (Δ·e + μ + ν) per kW, orders paid λ
          + Σ_j λ_j + Σ_t [Δ·(a_t + e_t·base_t − F_t(base_t)) + (μ_t + ν_t)·(base_t − G_t)]
          − μ·K° − ν·contract + (carbon of the idle site and cap, at κ).

K° = max(peak incurred, 0) is where a demand charge begins.
"""

from __future__ import annotations

import numpy as np

from solvers.lines.problem import NEVER, LineProblem
from twin.model.horizon import Array

ROUNDING = 1e-6
"""Caps are relaxed by this share: the check forgives as much."""


class Prices:
    """A value, or a direction, for every multiplier; parts of one vector.

    Attributes
    ----------
    orders : (M,)
        [currency]
    peak, contract : (T,)
        [currency/kW]
    slope : (T,)
        Share of the way from the lowest to the highest slope, 0 to 1.
    """

    def __init__(self, vector: Array, multipliers: int) -> None:
        slots = (len(vector) - multipliers - 1) // 3
        self.vector = vector
        self.multipliers = multipliers
        self.orders = vector[:multipliers]
        self.peak, self.contract, self.slope = vector[multipliers:-1].reshape(3, slots)

    @property
    def carbon(self) -> float:
        """[currency/kgCO2e]"""
        return float(self.vector[-1])

    def with_vector(self, vector: Array) -> Prices:
        return Prices(vector, self.multipliers)


def no_prices(multipliers: int, slots: int) -> Prices:
    return Prices(np.zeros(multipliers + 3 * slots + 1), multipliers)


class SiteSide:
    """What the site keeps of the bound at given prices, and how it answers a total power."""

    def __init__(self, problem: LineProblem, most_kw: Array) -> None:
        site = problem.site
        self.hours = problem.slot_hours
        self.base, self.generation = site.base_kw, site.generation_kw
        self.idle = self.base - self.generation
        """(T,) net import of the idle site [kW]"""
        self.least, self.most = self.base, self.base + most_kw
        self.rate, self.feed_in = site.rate, site.feed_in_per_kwh
        self.intensity = site.carbon_intensity
        self.charge = site.demand_charge_per_kw
        self.free_kw = max(site.peak_incurred_kw, 0.0)
        """No demand charge up to here."""
        self.begins_kw = site.peak_incurred_kw
        self.contract_kw = site.contract_kw * (1 + ROUNDING)
        self.cap_kg = problem.carbon_cap_kg
        if self.cap_kg < NEVER:
            self.cap_kg += ROUNDING * abs(self.cap_kg)
        self.has_peak = self.charge > 0
        self.has_contract = site.contract_kw < NEVER
        self.has_cap = self.cap_kg < NEVER and bool((self.intensity >= 0).all())
        self.is_mixed = (self.generation > self.least) & (self.generation < self.most)
        self.imports = self.generation <= self.least
        self.idle_cost = self.hours * float(self.cost_of(self.base, self.rate).sum())
        self.idle_kg = self.hours * float((self.intensity * np.maximum(self.idle, 0.0)).sum())

    def cost_of(self, power: Array, rate: Array) -> Array:
        """F_t of a total power, (T,) [currency/h]."""
        net = power - self.generation
        return np.where(net >= 0, rate * net, self.feed_in * net)

    def lines_of(self, prices: Prices) -> tuple[Array, Array]:
        """Slope and intercept of a line below F_t with carbon at its price, (T,) each."""
        rate = self.rate + prices.carbon * self.intensity
        slope = np.where(self.imports, rate, self.feed_in)
        is_convex = self.is_mixed & (rate >= self.feed_in)
        share = prices.slope
        slope = np.where(is_convex, (1 - share) * self.feed_in + share * rate, slope)
        intercept = -slope * self.generation
        is_chord = self.is_mixed & ~is_convex
        if is_chord.any():
            low, high = self.cost_of(self.least, rate), self.cost_of(self.most, rate)
            chord = (high - low) / np.maximum(self.most - self.least, 1e-12)
            slope = np.where(is_chord, chord, slope)
            intercept = np.where(is_chord, low - chord * self.least, intercept)
        return slope, intercept

    def slot_price(self, prices: Prices) -> Array:
        """What a kW of a line costs in each slot, (T,) [currency/kW]."""
        slope, _ = self.lines_of(prices)
        return self.hours * slope + prices.peak + prices.contract

    def kept(self, prices: Prices) -> float:
        """The part of the bound that no line has."""
        slope, intercept = self.lines_of(prices)
        value = float(prices.orders.sum())
        value += self.hours * float((intercept + slope * self.base).sum()) - self.idle_cost
        value += float(((prices.peak + prices.contract) * self.idle).sum())
        # max(K − incurred, 0) at K ≥ 0: a peak incurred below 0 is charged from 0 on
        value -= float(prices.peak.sum()) * self.free_kw
        value += self.charge * (self.free_kw - self.begins_kw) if self.has_peak else 0.0
        if self.has_contract:
            value -= float(prices.contract.sum()) * self.contract_kw
        if self.has_cap:
            value -= prices.carbon * (self.cap_kg + self.idle_kg)
        return value

    def gradient(self, prices: Prices, power: Array, visits: Array) -> Prices:
        """Direction in which the bound rises: how the lines together break each row."""
        net = self.idle + power
        found = no_prices(prices.multipliers, len(power))
        found.orders[:] = 1.0 - visits
        if self.has_peak:
            found.peak[:] = net - self.peak_answer(prices, net)
        if self.has_contract:
            found.contract[:] = net - self.contract_kw
        rate = self.rate + prices.carbon * self.intensity
        convex = self.is_mixed & (rate >= self.feed_in)
        found.slope[:] = np.where(convex, self.hours * (rate - self.feed_in) * net, 0.0)
        if self.has_cap:
            share = np.where(self.imports, 1.0, np.where(convex, prices.slope, 0.0))
            top = np.maximum(self.most - self.generation, 0.0)
            span = np.maximum(self.most - self.least, 1e-12)
            chord = top * (net - self.least + self.generation) / span
            import_kw = np.where(self.is_mixed & ~convex, chord, share * net)
            kg = self.hours * float((self.intensity * import_kw).sum())
            found.vector[-1] = kg - self.cap_kg - self.idle_kg
        return found

    def peak_answer(self, prices: Prices, net: Array) -> float:
        """A peak K that is best for the site: any from K° on once Σ μ is the demand charge."""
        is_priced = prices.peak > 0
        if prices.peak.sum() < self.charge * (1 - 1e-9) or not is_priced.any():
            return self.free_kw
        return max(self.free_kw, float(net[is_priced].mean()))

    def allowed(self, vector: Array, multipliers: int) -> Prices:
        """The nearest prices whose bound is one."""
        prices = Prices(vector, multipliers)
        prices.peak[:] = below_sum(prices.peak, self.charge if self.has_peak else 0.0)
        np.maximum(prices.contract, 0.0, out=prices.contract)
        np.clip(prices.slope, 0.0, 1.0, out=prices.slope)
        vector[-1] = max(vector[-1], 0.0)
        return prices


def below_sum(values: Array, most: float) -> Array:
    """The nearest values ≥ 0 whose sum is ``most`` or less (Held, Wolfe & Crowder, 1974)."""
    if most <= 0.0:
        return np.zeros_like(values)
    clipped = np.maximum(values, 0.0)
    if clipped.sum() <= most:
        return clipped
    falling = np.sort(clipped)[::-1]
    excess = np.cumsum(falling) - most
    count = np.arange(1, len(values) + 1)
    last = np.flatnonzero(falling * count > excess)[-1]
    return np.asarray(np.maximum(values - excess[last] / (last + 1), 0.0))


def most_power(problem: LineProblem) -> Array:
    """(T,) no plan draws more on its lines [kW]."""
    most = 0.0
    for number, line in enumerate(problem.lines):
        levels = [kw for kw in line.hold_kw if kw < NEVER]
        levels += [t.power_kw for t in line.transitions]
        levels += [t.power_kw for t in problem.tasks if t.line == number]
        for order in problem.orders:
            way = order.way_on(number)
            levels += [kw for _, kw in way.runs] if way else []
        most += max(levels, default=0.0)
    return np.full(problem.slots, most)
