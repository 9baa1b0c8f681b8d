"""Plans for production, maintenance, energy and carbon; imports only twin.

The path: :func:`~solvers.problem.build_problem` turns plant, orders, forecast and shop state into
flat tuples; :mod:`~solvers.constructive` always finds a plan; :mod:`~solvers.improve` searches over
units, sequences and maintenance; :mod:`~solvers.milp` chooses the start times against price, carbon
and peak; :func:`~solvers.optimize.optimize` runs them in this order.
"""
