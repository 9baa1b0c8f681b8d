"""A front on disk: figures as JSON and CSV, a page with the picture, and every plan whole."""

from __future__ import annotations

from pathlib import Path

from scenarios.front import Front
from scenarios.front_text import COLUMNS, csv_rows
from twin.connectors.csv_files import csv_text
from twin.connectors.whole_files import write_text

JSON, CSV, PAGE, PLANS = "front.json", "front.csv", "front.html", "plans"


def write_front(front: Front, folder: Path, page: str) -> list[Path]:
    """Write all files of a front into a folder, made if need be; their paths, the page first.

    Plans of an earlier front in the folder are removed, so that none is taken for one of this.
    """
    plans = folder / PLANS
    plans.mkdir(parents=True, exist_ok=True)
    for old in plans.glob("*.json"):
        old.unlink()
    written = [folder / PAGE, folder / JSON, folder / CSV]
    for path, text in zip(
        written, (page, front.to_json(), csv_text(COLUMNS, csv_rows(front))), strict=True
    ):
        write_text(path, text)
    for point, schedule in zip(front.points, front.schedules, strict=True):
        path = plans / f"{point.name}.json"
        write_text(path, schedule.to_json())
        written.append(path)
    return written
