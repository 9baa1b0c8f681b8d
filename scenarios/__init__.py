"""What is asked of the twin: scenarios, the chain from data to plan, its archive and its commands.

Start reading at :mod:`scenarios.run`; the nightly job is :mod:`scenarios.replan`. May import
``twin`` and ``solvers``; the two doors that open a page (the report and the dashboard) import
``dashboards`` inside a function.
"""
