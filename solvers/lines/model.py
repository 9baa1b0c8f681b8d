"""The mixed-integer model of a site in Pyomo: one family of rows, one function, one sentence.

This is the model to read. :mod:`solvers.lines.highs_model` hands the same one to HiGHS in a tenth
of the time, and both have the same optimum. Every line is a path in its network of (slot, mode)
nodes; what the lines share is said in blocks named as elsewhere: production, maintenance, energy,
carbon.

==========  ================================================================================
Symbol      Meaning
==========  ================================================================================
y_la        1 if line l uses arc a of its network
P_t         power of the base load and all lines [kW]
g_t, s_t    import and sale of the site [kW]
z_t         1 if slot t may sell, where selling pays more than buying costs
K           peak import, at least the one incurred [kW]
==========  ================================================================================
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pyomo.environ as pyo

from solvers.lines.network import ORDER, TASK, Network, OrderClasses, spread
from solvers.lines.problem import NEVER, LineProblem, Site


def build(problem: LineProblem, networks: list[Network], classes: OrderClasses) -> Any:
    """The model of a problem, block by block."""
    model = pyo.ConcreteModel(problem.name)
    model.production = pyo.Block()
    model.maintenance = pyo.Block()
    model.energy = pyo.Block()
    model.carbon = pyo.Block()
    add_production(model.production, networks, classes)
    add_maintenance(model.maintenance, problem, networks, model.production.uses)
    add_energy(model.energy, problem, networks, model.production.uses)
    add_carbon(model.carbon, problem, model.energy)
    model.total_cost = pyo.Objective(
        expr=model.production.cost
        + model.energy.cost
        + model.energy.demand_cost
        + model.carbon.cost
    )
    return model


# --- production -------------------------------------------------------------------------------


def add_production(block: Any, networks: list[Network], classes: OrderClasses) -> None:
    """Paths of the lines, on which every order lies once."""
    arcs = [(n.line, a) for n in networks for a in range(n.arcs)]
    block.uses = pyo.Var(arcs, domain=pyo.Binary, doc="y_la")
    add_flow(block, networks)
    add_counts(block, networks, classes)
    block.cost = pyo.quicksum(
        cost * block.uses[n.line, a] for n in networks for a, cost in enumerate(n.fixed.tolist())
    )


def add_flow(block: Any, networks: list[Network]) -> None:
    """A line leaves each node but the last as often as it comes to it, and begins in its source."""
    block.flow = pyo.ConstraintList()
    for network in networks:
        net: dict[int, Any] = defaultdict(int)
        net[network.source] = -1
        for a, (tail, head) in enumerate(
            zip(network.tail.tolist(), network.head.tolist(), strict=True)
        ):
            net[tail] += block.uses[network.line, a]
            net[head] -= block.uses[network.line, a]
        for node in net.keys() - set(network.sinks.tolist()):
            _add(block.flow, net[node], 0, 0)


def add_counts(block: Any, networks: list[Network], classes: OrderClasses) -> None:
    """Every class of orders is made as often as it has orders, on whatever lines."""
    block.counts = pyo.ConstraintList()
    for number, members in enumerate(classes):
        made = sum(block.uses[n.line, a] for n in networks for a in _arcs(n, ORDER, number))
        _add(block.counts, made, len(members), len(members))


# --- maintenance ------------------------------------------------------------------------------


def add_maintenance(block: Any, problem: LineProblem, networks: list[Network], uses: Any) -> None:
    """Tasks in their windows, by crews of limited size; deferral is a cost of the arcs."""
    add_tasks(block, problem, networks, uses)
    add_crews(block, problem, networks, uses)


def add_tasks(block: Any, problem: LineProblem, networks: list[Network], uses: Any) -> None:
    """Every task is done once."""
    block.tasks = pyo.ConstraintList()
    for number in range(len(problem.tasks)):
        done = sum(uses[n.line, a] for n in networks for a in _arcs(n, TASK, number))
        _add(block.tasks, done, 1, 1)


def add_crews(block: Any, problem: LineProblem, networks: list[Network], uses: Any) -> None:
    """In no slot does a crew more tasks than it can."""
    block.crews = pyo.ConstraintList()
    for crew, size in enumerate(problem.site.crews):
        busy: dict[int, Any] = defaultdict(int)
        for network in networks:
            for number, task in enumerate(problem.tasks):
                for a in _arcs(network, TASK, number) if task.crew == crew else ():
                    start = int(network.start[a])
                    for slot in range(start, start + task.slots):
                        busy[slot] += uses[network.line, a]
        for slot, tasks in busy.items():
            _add(block.crews, tasks, None, int(size[slot]))


# --- energy -----------------------------------------------------------------------------------


def add_energy(block: Any, problem: LineProblem, networks: list[Network], uses: Any) -> None:
    """Power of the site in each slot, what it imports and sells, and its peak."""
    site = problem.site
    block.slots = pyo.RangeSet(0, problem.slots - 1)
    block.imports = pyo.Var(block.slots, bounds=(0, _finite(site.contract_kw)), doc="g_t [kW]")
    block.sales = pyo.Var(block.slots, domain=pyo.NonNegativeReals, doc="s_t [kW]")
    block.peak = pyo.Var(bounds=(site.peak_incurred_kw, None), doc="K [kW]")
    add_power(block, site, networks, uses)
    add_balance(block, site)
    add_peak(block)
    add_one_direction(block, site, networks)
    rate, hours = site.price_per_kwh, problem.slot_hours
    block.cost = hours * pyo.quicksum(
        float(rate[t]) * (block.imports[t] - _idle_import(site, t))
        - site.feed_in_per_kwh * (block.sales[t] - _idle_sale(site, t))
        for t in block.slots
    )
    block.demand_cost = site.demand_charge_per_kw * (block.peak - site.peak_incurred_kw)


def add_power(block: Any, site: Site, networks: list[Network], uses: Any) -> None:
    """P_t is the base load and what the lines' arcs draw in slot t."""
    power: dict[int, list[Any]] = defaultdict(list)
    for network in networks:
        slots, runs = spread(network.run_begin, network.run_end)
        arcs, kws = network.run_arc[runs].tolist(), network.run_kw[runs].tolist()
        for slot, a, kw in zip(slots.tolist(), arcs, kws, strict=True):
            power[slot].append(kw * uses[network.line, a])
    block.power = pyo.Var(block.slots, doc="P_t [kW]")
    block.draws = pyo.Constraint(
        block.slots,
        rule=lambda b, t: b.power[t] == float(site.base_kw[t]) + pyo.quicksum(power[t]),
    )


def add_balance(block: Any, site: Site) -> None:
    """What is drawn and not generated is imported; what is generated and not drawn is sold."""
    block.balance = pyo.Constraint(
        block.slots,
        rule=lambda b, t: b.imports[t] - b.sales[t] == b.power[t] - float(site.generation_kw[t]),
    )


def add_peak(block: Any) -> None:
    """The peak is at least every slot's import."""
    block.peaks = pyo.Constraint(block.slots, rule=lambda b, t: b.peak >= b.imports[t])


def add_one_direction(block: Any, site: Site, networks: list[Network]) -> None:
    """Where selling pays more than buying costs, a slot does one or the other."""
    pays = [t for t in block.slots if float(site.rate[t]) < site.feed_in_per_kwh]
    most = sum(max(0.0, float(n.run_kw.max(initial=0.0))) for n in networks)
    least = sum(min(0.0, float(n.run_kw.min(initial=0.0))) for n in networks)
    block.sells = pyo.Var(pays, domain=pyo.Binary, doc="z_t")
    net = {t: float(site.base_kw[t] - site.generation_kw[t]) for t in pays}
    block.buys_only = pyo.Constraint(
        pays, rule=lambda b, t: b.imports[t] <= max(net[t] + most, 0.0) * (1 - b.sells[t])
    )
    block.sells_only = pyo.Constraint(
        pays, rule=lambda b, t: b.sales[t] <= max(-net[t] - least, 0.0) * b.sells[t]
    )


# --- carbon -----------------------------------------------------------------------------------


def add_carbon(block: Any, problem: LineProblem, energy: Any) -> None:
    """Carbon of the import beyond the idle site's: priced, and capped."""
    site, hours = problem.site, problem.slot_hours
    block.kg = pyo.quicksum(
        hours * float(site.carbon_intensity[t]) * (energy.imports[t] - _idle_import(site, t))
        for t in energy.slots
    )
    block.cost = site.carbon_price_per_t / 1000 * block.kg
    if problem.carbon_cap_kg < NEVER:
        block.cap = pyo.Constraint(expr=block.kg <= problem.carbon_cap_kg)


# --- small words ------------------------------------------------------------------------------


def _arcs(network: Network, kind: int, index: int) -> Iterable[int]:
    """Numbers of the arcs of an order class or a task."""
    found: list[int] = ((network.kind == kind) & (network.index == index)).nonzero()[0].tolist()
    return found


def _add(rows: Any, body: Any, lower: float | None, upper: float | None) -> None:
    """Add lower ≤ body ≤ upper; a body without variables is a row that holds or makes all fail."""
    if not isinstance(body, int | float):
        rows.add((lower, body, upper) if lower != upper else body == upper)
    elif (lower is not None and body < lower) or (upper is not None and body > upper):
        rows.add(pyo.Constraint.Infeasible)


def _idle_import(site: Site, t: int) -> float:
    """Import of slot t without any line [kW]."""
    return max(float(site.base_kw[t] - site.generation_kw[t]), 0.0)


def _idle_sale(site: Site, t: int) -> float:
    """Sale of slot t without any line [kW]."""
    return max(float(site.generation_kw[t] - site.base_kw[t]), 0.0)


def _finite(value: float) -> float | None:
    return value if value < NEVER else None
