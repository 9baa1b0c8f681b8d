"""What ``noria watch`` alerts to, and what it does then: the part ``watch`` of a configuration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from twin.model.base import Frozen, Minutes

AlertKind = Literal[
    "late_risk", "behind_plan", "stop", "drift", "silent_unit", "feed_lag", "clock_ahead",
    "energy_peak", "scrap", "plan_too_old", "late_events",
]  # fmt: skip
"""What an alert can be about."""


class Trigger(Frozen):
    """When ``noria watch`` starts ``noria replan`` on the same configuration by itself."""

    on: frozenset[AlertKind] = frozenset()
    """Alerts that ask for a new plan. Empty: none does."""
    at_most_every: Minutes = Field(default=120.0, ge=5)
    """Between two starts [min]."""


class WatchSettings(Frozen):
    """Limits of the live twin. Each alert is raised once, and cleared when it is clearly over."""

    replications: int = Field(default=100, ge=20, le=2000)
    """Futures simulated for the chances on time."""
    forecast_every: Minutes = Field(default=2.0, gt=0)
    """Between two simulations [min]."""
    late_risk_below: float = Field(default=0.5, gt=0, lt=1)
    """An order whose class has no limit under ``plan.risk`` is at risk below this chance."""
    late_risk_fallen_by: float = Field(default=0.25, ge=0, lt=1)
    """… and when its chance has fallen by so much since the plan was made."""
    behind_plan: Minutes = Field(default=180.0, gt=0)
    """An order this far behind its plan is named [min]."""
    stop_quantile: float = Field(default=0.98, gt=0.5, lt=1)
    """A repair is long when it lasts longer than this share of the repairs of its failure mode."""
    stop_at_least: Minutes = Field(default=10.0, ge=0)
    """No shorter stop is named; of a unit without failure modes, any stop six times as long is."""
    silent_factor: float = Field(default=1.5, ge=1)
    """A work unit is silent when it says nothing for this multiple of its longest usual gap."""
    silent_at_least: Minutes = Field(default=30.0, gt=0)
    """… and for so long [min of its shift]."""
    feed_lag: Minutes = Field(default=20.0, gt=0)
    """No event of any unit for so long while a shift is worked, beyond its usual gap."""
    clock_ahead: Minutes = Field(default=5.0, gt=0)
    """So far in the future an event may be before its clock is named."""
    peak_ahead: Minutes = Field(default=240.0, ge=15)
    """How far ahead peaks of the net import are looked for."""
    peak_margin: float = Field(default=0.05, ge=0)
    """Share by which the metered import may be above the agreed or planned peak."""
    scrap_sigmas: float = Field(default=4.5, ge=3)
    """Control limit of the scrap share [standard deviations]."""
    drift_every: Minutes = Field(default=30.0, gt=0)
    """Between two looks at the cycle times, lot by lot."""
    plan_age: Minutes = Field(default=26 * 60.0, gt=0)
    """A plan whose cut-off is older is too old."""
    replan: Trigger = Trigger()
