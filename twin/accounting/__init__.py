"""What a log or a plan amounts to: energy, carbon, cost, ISO 22400 indicators, traceability.

One code path for simulated and recorded logs. Imports ``twin.model`` and ``twin.behaviour``.
"""
