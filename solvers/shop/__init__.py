"""Job shops and flexible job shops: the shortest schedule of jobs on machines; imports only twin.

The path: :func:`~solvers.shop.files.read_problem` reads a :class:`~solvers.shop.problem.Problem`;
:func:`~solvers.shop.solve.solve` answers with a schedule and a lower bound, by tabu search
(:mod:`~solvers.shop.search`, compiled in ``_shop_kernel.py``), one-machine and load relaxations
(:mod:`~solvers.shop.bound`, :mod:`~solvers.shop.load_bound`) and, where OR-tools is installed,
CP-SAT in a process of its own (:mod:`~solvers.shop.cp_sat`); :mod:`~solvers.shop.check` judges a
schedule and knows none of these.
"""
