"""From a log to parameters: what the data say about the plant, how surely, and what they cannot
say.

``diagnose`` looks at a raw log and counts everything wrong with it; ``calibrate`` estimates times,
scrap, lives and power from what is left; ``calibrated`` puts the estimates into a plant.
``shop_state`` reads where everything stands at the cut-off, and ``discover`` proposes a plant from
a log alone.

May import :mod:`twin.model`, :mod:`twin.behaviour` and :mod:`twin.accounting`.
"""
