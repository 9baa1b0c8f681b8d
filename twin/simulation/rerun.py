"""The exact state of any simulated shop at an instant: the reference runs again beside its log.

Where a log alone does not tell enough (:func:`twin.simulation.replay.beyond`), it does together
with what was simulated: plant, orders, start, plan, rule and luck. The reference runs again up to
the cut-off, every row it writes must be the one in the log, and the state is then at hand.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd

from twin.errors import NoriaError
from twin.model.events import COLUMNS, EventLog
from twin.model.snapshot import Snapshot
from twin.simulation.capture import capture
from twin.simulation.experiment import Experiment
from twin.simulation.log import log_and_materials
from twin.simulation.simpy_engine import Twin

_TICK = timedelta(microseconds=1)


def exact_state(log: EventLog, experiment: Experiment, replication: int, at: datetime) -> Snapshot:
    """State of a simulated shop at an instant, before anything happens at it.

    Parameters
    ----------
    log
        As simulated, from the start of the experiment's horizon on, up to the instant or beyond.
    experiment
        What was simulated; it may itself begin at an exact state, or follow a plan.
    replication
        Which luck it met.

    Raises
    ------
    NoriaError
        If the log is not one of this experiment and luck.
    """
    horizon = experiment.plant.horizon
    if not horizon.start <= at <= horizon.end:
        raise NoriaError(
            f"exact state: {at.isoformat()} lies outside the log's horizon "
            f"{horizon.start.isoformat()} to {horizon.end.isoformat()}; give an instant inside it"
        )
    twin = Twin(experiment, replication, trace=True)
    twin.run_until((at - horizon.start) // _TICK)
    trace = twin.result().trace
    assert trace is not None
    again, materials = log_and_materials(trace, experiment, log.source)
    _refuse_another(log.until(at).table, again.table)
    return capture(twin, materials)


def _refuse_another(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """The log must have the rows the reference wrote; readings of meters may stand between them."""
    found = found[found["event"] != "meter"]
    common = min(len(found), len(expected))
    ours = found.iloc[:common].reset_index(drop=True)
    differs = pd.Series(len(found) != len(expected), index=range(common + 1))
    differs[:common] = False
    for name in COLUMNS:
        theirs = expected[name].iloc[:common].reset_index(drop=True)
        unequal = (ours[name] != theirs) & ~(ours[name].isna() & theirs.isna())
        differs[:common] |= unequal
    if differs.any():
        n = int(differs.to_numpy().argmax())
        raise NoriaError(
            f"exact state: row {n} of the log is {_described(found, n)}; this plan, rule and luck "
            f"give {_described(expected, n)}; give what the log was simulated with: plant, orders, "
            "start, plan, rule, seed and replication"
        )


def _described(table: pd.DataFrame, n: int) -> str:
    if n >= len(table):
        return "no row"
    row = table.iloc[n]
    names = ("work_unit", "event", "state", "order", "operation", "lot", "reason")
    return " ".join([row["time"].isoformat(), *(row[name] for name in names if row[name])])
