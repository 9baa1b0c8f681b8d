"""What a plan must keep to beside the plant's own rules: last night's word, and limits."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from twin.model.base import Frozen, Minutes


class Demands(Frozen):
    """Hard demands on one night's plan. The defaults demand nothing."""

    freeze: Minutes = Field(default=0.0, ge=0, le=7 * 1440)
    """Operations and preventive tasks that last night's plan starts within so long after the
    cut-off keep work unit and start, wherever the shop still allows it [min]. 0: all may move."""
    power_cap_kw: float | None = Field(default=None, gt=0)
    """No slot's mean import may be above it, as a contract can forbid [kW]. None: no limit;
    the plant's ``contract_kw`` is shown but binds nobody."""
    carbon_cap_kg: float | None = Field(default=None, gt=0)
    """All electricity bought within the horizon may emit no more [kgCO2e]. None: no limit."""
    risk: dict[str, Annotated[float, Field(gt=0, lt=1)]] = Field(default_factory=dict)
    """Least chance on time of every order of a customer class, as ``A: 0.95``: orders below it are
    given more time, and those that stay below are named. Empty: cost alone decides."""


NOTHING_DEMANDED = Demands()
