"""Production reports of an MES as B2MML files: OperationsPerformance and WorkPerformance.

Each segment response (each job response of a work performance) becomes a ``start`` at its actual
start and an ``end`` at its actual end, with the good and scrapped quantity of that report. What is
read, by the element names of B2MML V7:

============  ===========================================  ========================================
column        OperationsPerformance                        WorkPerformance
============  ===========================================  ========================================
time          ActualStartTime, ActualEndTime               StartTime, EndTime of the JobResponse
work_unit     EquipmentActual / EquipmentID                the same
order         OperationsRequestID of segment or response   WorkRequestID of the WorkResponse
operation     ProcessSegmentID, else OperationsSegmentID   WorkMasterID, else WorkDirective / ID
lot           MaterialLotID of what is produced, else the response's ID
material      MaterialLotID of what is consumed
quantity      QuantityString of MaterialActual with MaterialUse *Produced* or *Yield Produced*
scrap         the same with MaterialUse *Other*, OtherValue as ``scrap_use``; else the segment data
              (job response data) whose ID is ``scrap_data``
============  ===========================================  ========================================

The key is that of the response and the side of it, so that a file sent twice is one report and one
sent again with other figures is held for a person to judge. The folder is only read; the account
needs no right to write there. A file that is no whole XML document yet is read when it is; if it
has not changed for ``settle`` it is held, with the line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from twin.connectors import b2mml
from twin.errors import InputError
from twin.ingest.mapping import Mapped
from twin.ingest.signature import Intake, Message
from twin.model.base import Minutes
from twin.secrets import Keyring

if TYPE_CHECKING:
    from lxml.etree import _Element

RESPONSES = ("SegmentResponse", "SegmentResponseChild", "JobResponse")
PRODUCED = ("Produced", "Yield Produced", "Material Produced")
CONSUMED = ("Consumed", "Consumable", "Material Consumed")


class B2mmlSource(Mapped):
    """A folder into which the MES writes its reports."""

    kind: Literal["b2mml"] = "b2mml"
    name: str
    folder: Path
    """Relative to the configuration's folder."""
    pattern: str = "*.xml"
    """Which files, by name; folders below are not looked into."""
    schemas: Path | None = None
    """Folder of the published schemas (``AllSchemas.xsd``): a file that breaks them is held."""
    scrap_use: str = "Scrap"
    """OtherValue of the MaterialUse that says scrap."""
    scrap_data: str = "ScrapQuantity"
    """ID of the segment data that says scrap."""
    every: Minutes = Field(default=0.1, gt=0)
    """How often the folder is looked at."""
    settle: Minutes = Field(default=0.5, ge=0)
    """How long an incomplete file must have stood still to count as broken."""

    def run(self, intake: Intake, keyring: Keyring) -> None:
        """Read what is new in the folder, over and over."""
        while True:
            try:
                self._read_new(intake)
            except OSError as error:
                intake.connected(False, f"{self.folder}: {error.strerror}")
            if intake.wait(self.every * 60):
                return

    def _read_new(self, intake: Intake) -> None:
        seen: Mapping[str, Any] = intake.position() or {}
        names = sorted(path.name for path in self.folder.iterdir() if path.match(self.pattern))
        intake.connected(True)
        known = {name: seen[name] for name in names if name in seen}
        for name in names:
            if intake.is_stopped:
                return
            path = self.folder / name
            if path.is_symlink() or not path.is_file():
                continue
            facts = path.stat()
            stamp = [facts.st_size, facts.st_mtime_ns]
            if known.get(name) == stamp:
                continue
            messages = self._messages(path, facts.st_mtime)
            if messages is not None:
                known[name] = stamp
                intake.store(messages, known)

    def _messages(self, path: Path, changed: float) -> list[Message] | None:
        """What a file says; None while it is still being written."""
        from time import time

        content = path.read_bytes()
        try:
            root = b2mml.parse(content, path.name)
            if self.schemas:
                b2mml.check_schema(root, self.schemas, path.name)
            found = [message for report in self.reports(root) for message in report.messages(path)]
        except InputError as error:
            if abs(time() - changed) < self.settle * 60:  # a server's clock may be ahead of ours
                return None
            raw = content[:20_000].decode("utf-8", "replace")
            return [Message({}, raw, path.name, refused=str(error))]
        if not found:
            reason = f"{path.name}: no response with an actual start or end; check the export"
            return [Message({}, f"sha256 {sha256(content).hexdigest()}", path.name, refused=reason)]
        return found

    def reports(self, root: _Element) -> Iterator[Report]:
        """Every response of a document, those inside others too."""
        for response in b2mml.descendants(root, *RESPONSES):
            yield Report.of(response, self.scrap_use, self.scrap_data)


@dataclass(frozen=True)
class Report:
    """One response: an operation of an order on a work unit, begun or done."""

    id: str
    line: int
    start: str
    end: str
    values: Mapping[str, Any]
    """Columns of the event log, without time and event; ``quantity`` and ``scrap`` included."""

    @staticmethod
    def of(response: _Element, scrap_use: str, scrap_data: str) -> Report:
        is_job = b2mml.name_of(response) == "JobResponse"
        start, end = ("StartTime", "EndTime") if is_job else ("ActualStartTime", "ActualEndTime")
        made = list(_materials(response, *PRODUCED))
        id = "/".join([*_ids_above(response), b2mml.text_at(response, "ID")])
        return Report(
            id=id,
            line=int(response.sourceline or 0),
            start=b2mml.text_at(response, start),
            end=b2mml.text_at(response, end),
            values={
                "work_unit": b2mml.text_at(response, "EquipmentActual", "EquipmentID"),
                "order": _order(response),
                "operation": _first(response, *(_JOB_OPERATION if is_job else _OPERATION)),
                "product": _of_first(made, "MaterialDefinitionID"),
                "lot": _of_first(made, "MaterialLotID") or id,
                "material": _of_first([*_materials(response, *CONSUMED)], "MaterialLotID"),
                "quantity": _total(made),
                "scrap": _scrap(response, scrap_use, scrap_data),
            },
        )

    def messages(self, path: Path) -> Iterator[Message]:
        """A start and an end, as far as the report has come."""
        told = {k: v for k, v in self.values.items() if v not in ("", None)}
        for event, time in (("start", self.start), ("end", self.end)):
            if time:
                skipped = ("quantity", "scrap") if event == "start" else ("material",)
                values = {k: v for k, v in told.items() if k not in skipped}
                values |= {"event": event, "time": time}
                yield Message(
                    values, _raw(values), f"{path.name}:{self.line}", key=f"{self.id}/{event}"
                )


_OPERATION = (("ProcessSegmentID",), ("OperationsSegmentID",))
_JOB_OPERATION = (("WorkMasterID",), ("WorkDirective", "ID"))


def _raw(values: Mapping[str, Any]) -> str:
    import json

    return json.dumps(values, ensure_ascii=False, sort_keys=True)


def _first(element: _Element, *paths: tuple[str, ...]) -> str:
    return next((text for path in paths if (text := b2mml.text_at(element, *path))), "")


def _above(element: _Element) -> Iterator[_Element]:
    """The element, then what it stands in, up to the document's root."""
    current: _Element | None = element
    while current is not None:
        yield current
        current = current.getparent()


def _ids_above(response: _Element) -> list[str]:
    """IDs of what a response stands in, the outermost first; its own is not among them."""
    return [b2mml.text_at(one, "ID") for one in _above(response)][:0:-1]


def _order(response: _Element) -> str:
    paths = (("OperationsRequestID",), ("WorkRequestID",))
    return next((found for one in _above(response) if (found := _first(one, *paths))), "")


def _materials(response: _Element, *uses: str) -> Iterator[_Element]:
    for material in b2mml.children(response, "MaterialActual"):
        if b2mml.text_at(material, "MaterialUse") in uses:
            yield material


def _of_first(materials: list[_Element], name: str) -> str:
    return next((text for m in materials if (text := b2mml.text_at(m, name))), "")


def _total(materials: list[_Element]) -> float | str | None:
    """Sum of the quantities; the text of one that is no number, for the check at the door."""
    return _sum([b2mml.quantity_at(material)[0] for material in materials])


def _scrap(response: _Element, use: str, data: str) -> float | str | None:
    found = [
        b2mml.quantity_at(material)[0]
        for material in _materials(response, "Other")
        for how in b2mml.children(material, "MaterialUse")
        if how.get("OtherValue", "") == use
    ]
    if not found:
        found = [
            b2mml.text_at(one, "Value", "ValueString")
            for name in ("SegmentData", "JobResponseData")
            for one in b2mml.children(response, name)
            if b2mml.text_at(one, "ID") == data
        ]
    return _sum(found)


def _sum(texts: list[str]) -> float | str | None:
    total = 0.0
    for text in texts:
        try:
            total += float(text)
        except ValueError:
            return text or "no number"
    return total if texts and math.isfinite(total) else None if not texts else str(total)
