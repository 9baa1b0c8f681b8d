"""A compiled search over the sequences of a whole plant, beside the search that moves orders.

A plan is one list of operations and maintenance tasks for each work unit, and for some of them a
minute before which they do not begin. :mod:`~solvers.sequences.tables` lays a problem out in
arrays, ``_sequence_kernel`` times and prices a plan and anneals, and
:func:`~solvers.sequences.search.anneal_sequences` hands a :class:`~solvers.plan.Plan` in and out.
"""
