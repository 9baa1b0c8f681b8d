"""Runs a plant forward in time on a stochastic twin and writes the log an MES would have written.

Start reading at :mod:`twin.simulation.simulate`; what a work unit does is told in
:mod:`twin.simulation.simpy_engine`. Imports :mod:`twin.model` and :mod:`twin.behaviour`.
"""
