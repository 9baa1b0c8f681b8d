"""Permutation flow shops that run when power is clean or cheap; imports only twin.

The path: :mod:`~solvers.flow_shop.files` reads a shop into a
:class:`~solvers.flow_shop.problem.FlowShop`; :func:`~solvers.flow_shop.search.solve` anneals the
sequence in one process while another proves how good the plan can be at best
(:mod:`~solvers.flow_shop.prove`: :mod:`~solvers.flow_shop.single` on one machine,
:mod:`~solvers.flow_shop.relaxation` and :mod:`~solvers.flow_shop.exact` on several);
:mod:`~solvers.flow_shop.check` judges the plan and knows no solver.
"""
