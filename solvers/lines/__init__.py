"""Plans for no-wait lines in slots: orders and maintenance against price, carbon and peak.

A *line* is a work unit, or a chain of them without buffers between, that is in one mode at a time:
off, ready for a product family, set up from one to another. The path:
:mod:`~solvers.lines.problem` has the nouns; :mod:`~solvers.lines.week_files` reads a plant's week;
:mod:`~solvers.lines.construct` finds a first plan and :mod:`~solvers.lines.anneal` searches over
sequences, both on the exact timing of :mod:`~solvers.lines.timing`; :mod:`~solvers.lines.bound`
proves how much better any plan could be; :mod:`~solvers.lines.model` (Pyomo, to be read) and
:mod:`~solvers.lines.highs_model` (arrays) are the mixed-integer model of the same
:mod:`~solvers.lines.network`, which :mod:`~solvers.lines.optimum` solves and
:mod:`~solvers.lines.polish` takes window by window; :func:`~solvers.lines.solve.solve` runs search
and bound beside each other; :mod:`~solvers.lines.front` trades cost for carbon;
:func:`~solvers.lines.check.check` judges a plan and knows none of them.
"""
