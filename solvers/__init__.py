"""Plans for production, maintenance, energy and carbon; imports only twin.

The path of a nightly plan: :func:`~solvers.problem.build_problem` turns plant, orders, forecast and
shop state into flat tuples, and :mod:`~solvers.frozen` pins what last night promised for the next
hours; :mod:`~solvers.constructive` always finds a plan; :mod:`~solvers.improve` brings in orders it
left out; :mod:`~solvers.sequences` anneals over units, sequences and maintenance;
:mod:`~solvers.milp` chooses the start times against price, carbon and peak;
:func:`~solvers.optimize.optimize` runs them in this order. How much better any plan could be is
proven by :mod:`~solvers.unit_bound`.

Beside it stand plans in slots of equal length, each with a check that knows no solver:
:mod:`solvers.lines` (lines with modes, tasks, prices and a peak), :mod:`solvers.flow_shop`
(permutation flow shops) and :mod:`solvers.shop` (job shops).
"""
