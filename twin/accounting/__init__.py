"""What a log or a plan amounts to: energy, carbon, cost, ISO 22400 indicators, traceability.

One code path for simulated and recorded logs. Imports ``twin.model`` and ``twin.behaviour``.

A plan is judged by :mod:`~twin.accounting.check` (its rules: ``unit_rules``, ``order_rules``,
``maintenance_rules``) and counted by :mod:`~twin.accounting.value`. A log is counted by
:mod:`~twin.accounting.outcome` and :mod:`~twin.accounting.kpi`.
"""
