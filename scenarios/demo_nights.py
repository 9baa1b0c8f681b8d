"""The demonstration: two nights of the nightly job on generated data whose truth is known."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from scenarios.demo import make_demo, true_plant
from scenarios.inputs import read_inputs
from scenarios.ledger import Ledger
from scenarios.replan import Prepared, Replanned, replan, run_identity
from scenarios.run import Progress
from scenarios.scenario import Case
from scenarios.settings import load_config

LAST_NIGHT_REPLICATIONS = 2
"""Last night's plan is only there to be compared with; nobody reads its intervals."""
LAST_NIGHT_LIMIT_S = 30.0


def run_demo(folder: Path, *, seed: int, replications: int, progress: Progress) -> Replanned:
    """Write the data, run last night's job if it was not yet run, then tonight's."""
    config = load_config(make_demo(folder, seed=seed, progress=progress))
    config = config.model_copy(update={"seed": seed, "replications": replications})
    assert isinstance(config.cut_off, datetime)
    last_night = config.model_copy(
        update={
            "cut_off": config.cut_off - timedelta(days=1),
            "replications": LAST_NIGHT_REPLICATIONS,
            "time_limit_s": LAST_NIGHT_LIMIT_S,
        }
    )
    if run_identity(last_night, read_inputs(last_night)) not in Ledger(config.archive).published():
        replan(last_night, progress=_prefixed(progress, "last night: "))
    return replan(config, progress=progress, closeness=partial(_against_the_truth, progress, seed))


def _against_the_truth(
    progress: Progress, seed: int, case: Case, ready: Prepared
) -> list[dict[str, Any]]:
    """Nominal and calibrated twin against the true plant, indicator by indicator."""
    from scenarios.closeness import closeness

    rows = closeness(
        true_plant(ready.inputs.plant), ready.inputs.plant, case, seed=seed, progress=progress
    )
    return [asdict(row) for row in rows]


def _prefixed(progress: Progress, prefix: str) -> Progress:
    return lambda step, done, total: progress(prefix + step, done, total)
