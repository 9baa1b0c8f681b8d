"""A hand-written ERP: a file of planned starts, a journal of every write, and what can go wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twin.erp.signature import PlanToPublish, Remembered, Written
from twin.errors import ErpAway, PublishRefused
from twin.secrets import Keyring


@dataclass
class FakeErp:
    """Keeps its records in files, so that it outlives a killed job."""

    folder: Path
    name: str = "fake"
    is_away: bool = False
    refuses_all: bool = False
    refuses: frozenset[str] = frozenset()
    """Orders it does not take."""
    step: Callable[[], None] = lambda: None
    """Called before and after each of its writes: may end the process."""
    trouble: list[Exception] = field(default_factory=list)
    """Raised, one a call."""

    def compare(self, plan: PlanToPublish, remembered: Remembered, keyring: Keyring) -> Written:
        self._refuse()
        held = self.records
        new = [id for id, values in wanted(plan).items() if held.get(id) != values]
        return Written(self.name, len(new), len(wanted(plan)) - len(new))

    def publish(self, plan: PlanToPublish, remembered: Remembered, keyring: Keyring) -> Written:
        self._refuse()
        written, unchanged, refused = 0, 0, {}
        for id, values in wanted(plan).items():
            if id in self.refuses:
                refused[id] = "it is locked"
            elif self.records.get(id) == values:
                unchanged += 1
                if remembered.last(id) != values:
                    remembered.note(id, values)
                    remembered.confirm(id)
            else:
                remembered.note(id, values)
                self._write(id, values, plan.run)
                remembered.confirm(id)
                written += 1
        return Written(self.name, written, unchanged, refused=refused)

    @property
    def records(self) -> dict[str, Any]:
        path = self.folder / "records.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    @property
    def journal(self) -> list[dict[str, Any]]:
        """Every write there ever was."""
        path = self.folder / "journal.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def _write(self, id: str, values: dict[str, Any], run: str) -> None:
        self.step()
        self.folder.mkdir(parents=True, exist_ok=True)
        records = {**self.records, id: values}
        with (self.folder / "journal.jsonl").open("a") as journal:
            journal.write(json.dumps({"record": id, "run": run, **values}) + "\n")
        part = self.folder / "records.part"
        part.write_text(json.dumps(records))
        part.replace(self.folder / "records.json")
        self.step()

    def _refuse(self) -> None:
        if self.trouble:
            raise self.trouble.pop(0)
        if self.is_away:
            raise ErpAway(f"{self.name}: http://erp.example: connection refused")
        if self.refuses_all:
            raise PublishRefused(f"{self.name}: the company is closed for bookings")


def wanted(plan: PlanToPublish) -> dict[str, dict[str, Any]]:
    """First start and last end of each order, as the ERP would hold them."""
    found: dict[str, dict[str, Any]] = {}
    for a in plan.schedule.assignments:
        start = plan.schedule.horizon.to_datetime(a.start).isoformat()
        row = found.setdefault(a.order, {"start": start})
        row["end"] = plan.schedule.horizon.to_datetime(a.end).isoformat()
    return found
