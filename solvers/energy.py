"""Energy in the timing model: what the site draws in each slot, and what units do while they wait.

Import and surplus of each slot balance draw and own generation exactly; the peak is the highest
slot mean. A unit that warms up is in standby between two pieces, or off and started up in time.
"""

from __future__ import annotations

from collections import defaultdict
from math import inf
from typing import Any

from solvers.production import started
from solvers.window import Edge, LiveGap, Slots, Window

Terms = dict[int, list[tuple[float, Any]]]
"""By slot: coefficients [kWh] and variables of the draw."""
NOTHING = 1e-9


def add_energy(model: Any, window: Window) -> None:
    """Balance every slot; charge energy bought, credit energy sold, charge the peak."""
    import pyomo.environ as pyo

    forecast, bill = window.problem.forecast, window.account.bill
    constant = window.fixed_net()
    terms: Terms = defaultdict(list)
    for i, piece in enumerate(window.pieces):
        _add_choice(model, window, terms, constant, i, piece.energy)
    _add_gaps(model, window, terms, constant)

    slots = sorted(terms)
    still = [t for t in range(len(constant)) if t not in terms]
    model.bought = pyo.Var(slots, domain=pyo.NonNegativeReals)
    model.sold = pyo.Var(slots, domain=pyo.NonNegativeReals)

    def balances(model: Any, t: int) -> Any:
        """What a slot draws less what it generates is bought or sold."""
        draw = sum(coefficient * variable for coefficient, variable in terms[t])
        return draw + float(constant[t]) == model.bought[t] - model.sold[t]

    model.balance = pyo.Constraint(slots, rule=balances)
    least = max([bill.incurred, *(float(constant[t]) / bill.hours for t in still)])
    model.peak = pyo.Var(bounds=(least, None))

    def is_below_peak(model: Any, t: int) -> Any:
        """No slot's mean import is above the peak."""
        return model.bought[t] <= bill.hours * model.peak

    model.below_peak = pyo.Constraint(slots, rule=is_below_peak)
    _add_power_cap(model, window, slots)
    model.energy_cost = pyo.Expression(
        expr=sum(
            float(forecast.price_per_kwh[t]) * model.bought[t] - bill.feed_in * model.sold[t]
            for t in slots
        )
    )
    model.demand_cost = pyo.Expression(expr=bill.charge * (model.peak - bill.incurred))


def _add_power_cap(model: Any, window: Window, slots: list[int]) -> None:
    """Fine what is bought above the cap of a slot."""
    import pyomo.environ as pyo

    most = window.account.bill.most
    if most == inf or not slots:
        model.power_fine = pyo.Expression(expr=0.0)
        return
    model.power_over = pyo.Var(slots, domain=pyo.NonNegativeReals)

    def is_below_cap(model: Any, t: int) -> Any:
        """No slot's import is above the cap, but at a fine."""
        return model.bought[t] <= most + model.power_over[t]

    model.below_cap = pyo.Constraint(slots, rule=is_below_cap)
    fine = window.problem.power_fine
    model.power_fine = pyo.Expression(expr=fine * sum(model.power_over[t] for t in slots))


def _add_choice(
    model: Any, window: Window, terms: Terms, constant: Any, i: int, energy: list[Slots]
) -> None:
    """The energy of the candidate at which a piece starts."""
    for t, kwh in energy[-1].items():
        constant[t] += kwh
    for c in range(len(energy) - 1):
        for t in sorted(energy[c].keys() | energy[c + 1].keys()):
            step = energy[c].get(t, 0.0) - energy[c + 1].get(t, 0.0)
            if abs(step) > NOTHING:
                terms[t].append((step, model.started[i, c]))


def _add_gaps(model: Any, window: Window, terms: Terms, constant: Any) -> None:
    """Standby or off in every idle time that may change."""
    import pyomo.environ as pyo

    gaps = window.live_gaps
    free = [g for g, gap in enumerate(gaps) if gap.can_stay and gap.can_switch]
    model.is_off = pyo.Var(free, domain=pyo.Binary)
    model.standby = pyo.VarList(domain=pyo.NonNegativeReals)
    model.warms_up = pyo.VarList(bounds=(0, 1))
    model.idle = pyo.ConstraintList(doc="Standby fills the gap, or the warm-up fits into it.")
    for g, gap in enumerate(gaps):
        unit = window.problem.units[gap.unit]
        is_off: Any = 0.0 if gap.can_stay else 1.0
        if g in free:
            is_off = model.is_off[g]
        if gap.can_stay:
            _add_standby(model, window, terms, constant, gap, unit.standby - unit.off, is_off)
        if not (isinstance(is_off, float) and is_off == 0):
            _add_warm_up(model, window, terms, constant, gap, is_off)


def _add_standby(
    model: Any, window: Window, terms: Terms, constant: Any, gap: LiveGap, kw: float, is_off: Any
) -> None:
    """Standby energy: the idle minutes of each slot, unless the unit is off."""
    minutes, base = _idle_minutes(model, window, gap)
    slot = window.problem.horizon.slot_minutes
    for t in sorted(minutes.keys() | base.keys()):
        idle, fixed = minutes.get(t, []), base.get(t, 0.0)
        if isinstance(is_off, float):
            constant[t] += kw * fixed / 60
            terms[t] += [(kw * v / 60, variable) for v, variable in idle]
        elif idle or fixed > NOTHING:
            standby = model.standby.add()
            model.idle.add(
                standby >= sum(v * variable for v, variable in idle) + fixed - slot * is_off
            )
            terms[t].append((kw / 60, standby))


def _idle_minutes(model: Any, window: Window, gap: LiveGap) -> tuple[Terms, Slots]:
    """Idle minutes of a gap by slot, as terms and constants."""
    terms: Terms = defaultdict(list)
    base: Slots = defaultdict(float)
    for left, right in gap.stretches:
        ends, begins = _instants(window, left, True), _instants(window, right, False)
        for t, v in window.minutes_in(ends[-1], begins[-1]).items():
            base[t] += v
        for edge, instants, sign in ((left, ends, 1.0), (right, begins, -1.0)):
            for c in range(len(instants) - 1):
                for t, v in window.minutes_in(instants[c], instants[c + 1]).items():
                    terms[t].append((sign * v, model.started[edge.piece, c]))
    return terms, base


def _instants(window: Window, edge: Edge, is_end: bool) -> list[float]:
    if edge.piece < 0:
        return [edge.minute]
    piece = window.pieces[edge.piece]
    return piece.ends if is_end else piece.starts


def _add_warm_up(
    model: Any, window: Window, terms: Terms, constant: Any, gap: LiveGap, is_off: Any
) -> None:
    """A unit that is off warms up just before it is needed, after all else in the gap has ended."""
    unit = window.problem.units[gap.unit]
    power = window.account.power_of(gap.unit)["startup"]
    left, right = gap.stretches[-1]
    total: Any = 0.0
    for c, start in enumerate(_instants(window, right, False)):
        begin = start - unit.startup
        now: Any = is_off
        if right.piece >= 0:
            now = model.warms_up.add()
            here = started(model, window, right.piece, c)
            model.idle.add(now <= here - started(model, window, right.piece, c - 1))
        total = total + now
        model.idle.add(total <= _has_ended(model, window, left, begin))
        for t, minutes in window.minutes_in(max(begin, 0.0), start).items():
            terms[t].append((power * minutes / 60, now))
    model.idle.add(total == is_off)


def _has_ended(model: Any, window: Window, edge: Edge, minute: float) -> Any:
    if edge.piece < 0:
        return 1.0 if edge.minute <= minute + NOTHING else 0.0
    return started(model, window, edge.piece, window.pieces[edge.piece].last_ended(minute))
