"""What the plant is, how it behaves, what it did.

Start with :mod:`twin.model` (the nouns). ``twin.behaviour`` and ``twin.simulation`` make an
:class:`~twin.model.events.EventLog` from a plant; ``twin.connectors`` read one from the MES;
``twin.calibration`` and ``twin.accounting`` measure either, by the same code.
Imports nothing from ``solvers``, ``scenarios`` or ``dashboards``.
"""
