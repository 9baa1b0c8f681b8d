"""What the optimiser says about its plan, in a planner's words."""

from __future__ import annotations

from dashboards.figures import numbers
from twin.model.schedule import Schedule


def status_words(schedule: Schedule) -> str:
    """Status of a plan: proven best, how far from it at most, or that nothing is known."""
    if schedule.status == "optimal":
        return "proven best of the planning model"
    if schedule.status == "fallback":
        reason = f": {schedule.note}" if schedule.note else ""
        return f"fallback plan, the optimiser failed{reason}"
    if schedule.gap is None:
        return "obeys every rule, distance from the best unknown"
    share = f"{numbers.significant(100 * schedule.gap, 2)}{numbers.THIN}%"
    return f"obeys every rule, no plan can be more than {share} cheaper"


def plan_span(schedule: Schedule) -> str:
    """``Mon 23 Nov 05:00 – Mon 30 Nov 05:00``."""
    horizon = schedule.horizon
    return f"{numbers.moment(horizon.local(0))} – {numbers.moment(horizon.local(horizon.minutes))}"
