"""The files of ``noria simulate --out``: all or none, in a place that was tried before the run."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from scenarios.simulate import Simulated, naming
from twin.errors import Fault, InputError

NAMES = ("report.json", "log.csv", "states.html")


def try_folder(folder: Path) -> None:
    """Whether results can be written to a folder, asked before anything is computed for them.

    A folder made for the question is taken away again, so that a run that ends early leaves none.

    Raises
    ------
    InputError
        If there can be none, or nothing can be written to it.
    """
    missing = [place for place in (folder, *folder.parents) if not os.path.exists(place)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise _refused(folder, error) from None
    finally:
        for place in missing:
            with suppress(OSError):
                place.rmdir()
    if blocked := [name for name in NAMES if (folder / name).is_dir()]:
        found = f"{folder / blocked[0]} is a folder, where a file is to be written"
        raise InputError("--out", [Fault("", found, "move it, or name another folder")])


def _refused(folder: Path, error: OSError) -> InputError:
    """In words: the file in the way where there is one, else what the system says."""
    files = [place for place in (folder, *folder.parents) if place.is_file()]
    if files:
        return InputError("--out", [Fault("", f"{files[0]} is a file", "name a folder")])
    found = f"nothing can be written to {folder}: {error.strerror}"
    return InputError("--out", [Fault("", found, "name a folder that you may write to")])


def write_results(done: Simulated, folder: Path, picture: str) -> list[Path]:
    """The report as JSON, the log of replication 0 as CSV, and a picture as a page.

    Files of the same names are replaced, once all three are complete.

    Raises
    ------
    OSError
        If one of them cannot be written, for example on a full disk; none of them is then.
    """
    from twin.connectors.mes_files import write_log
    from twin.connectors.whole_files import write_text
    from twin.simulation.simulate import simulate

    experiment = done.experiment
    with naming(experiment.policy):
        log = simulate(
            experiment.plant, experiment.orders, state=experiment.state,
            schedule=experiment.schedule, policy=experiment.policy, seed=experiment.seed,
            engine=done.effort.engine,
        )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".simulate-", dir=folder) as place:
        report, events, page = (Path(place) / name for name in NAMES)
        write_text(report, json.dumps(done.to_dict(), indent=1, ensure_ascii=False))
        write_log(log, events)
        write_text(page, picture)
        for path in (report, events, page):
            os.replace(path, folder / path.name)
    return [folder / name for name in NAMES]
