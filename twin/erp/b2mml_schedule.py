"""Orders and plans as B2MML OperationsSchedule files, for an ERP that speaks ISA-95.

Orders come in as OperationsRequests: ``ID`` is the order, the produced MaterialRequirement its
product and quantity, ``StartTime`` its release, ``EndTime`` its due date, ``Priority`` its weight.
The plan goes out as one file: an OperationsRequest for each order with a SegmentRequirement for
each operation (``EarliestStartTime`` and ``LatestEndTime`` are the planned start and end, the
EquipmentRequirement names the work unit), and one of type *Maintenance* for each preventive task.
The file is replaced whole, and only if it changes: equal plans are equal files.
Element names are those of B2MML V7 (MESA International, 2020).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from twin.connectors import b2mml
from twin.connectors.b2mml import element, text_at
from twin.connectors.whole_files import write_text
from twin.erp.signature import PlanToPublish, Remembered, Written
from twin.errors import Fault, InputError, PublishRefused, did_you_mean
from twin.model.base import Frozen
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant
from twin.model.schedule import Assignment
from twin.secrets import Keyring

if TYPE_CHECKING:
    from lxml.etree import _Element

    from twin.connectors.csv_files import Faults

PRODUCED = ("Produced", "Yield Produced")
ENDED = ("Completed", "Cancelled", "Aborted", "Closed")
"""States of a request that is no longer to be planned."""


class B2mmlErp(Frozen):
    """A folder shared with an ERP, or two."""

    kind: Literal["b2mml"] = "b2mml"
    name: str = "b2mml"
    orders: Path | None = None
    """File or folder of OperationsSchedule documents to read orders from; of a folder, every
    ``*.xml`` in it, an order of a later name in place of the same order of an earlier one."""
    plan: Path | None = None
    """File to write the plan to, for example ``exchange/operations-schedule.xml``."""
    schemas: Path | None = None
    """Folder of the published schemas (``AllSchemas.xsd``), to hold both directions against."""

    @property
    def reads(self) -> bool:
        return self.orders is not None

    @property
    def writes(self) -> bool:
        return self.plan is not None

    def located(self, folder: Path) -> B2mmlErp:
        """The same with relative paths under a folder."""
        paths = {name: getattr(self, name) for name in ("orders", "plan", "schemas")}
        return self.model_copy(update={k: folder / v for k, v in paths.items() if v})

    def read_orders(
        self, plant: Plant, keyring: Keyring, remembered: Remembered | None = None
    ) -> OrderBook:
        """Open orders, in the sequence of the documents."""
        from twin.connectors.csv_files import Faults

        if self.orders is None:
            fault = Fault("erp.orders", "is missing", "name the file or folder of the orders")
            raise InputError(self.name, [fault])
        found: dict[str, WorkOrder] = {}
        for path in _documents(self.orders):
            root = b2mml.parse(_content(path), str(path))
            if self.schemas:
                b2mml.check_schema(root, self.schemas, str(path))
            faults = Faults(str(path))
            for request in b2mml.descendants(root, "OperationsRequest"):
                if order := _order(request, plant, faults):
                    found[order.id] = order
                elif text_at(request, "RequestState") in ENDED:
                    found.pop(text_at(request, "ID"), None)
            faults.settle()
        if not found:
            fault = Fault("", "no open OperationsRequest", "check the export of the ERP")
            raise InputError(str(self.orders), [fault])
        return OrderBook(tuple(found.values()))

    def compare(self, plan: PlanToPublish, remembered: Remembered, keyring: Keyring) -> Written:
        """What publishing would do; nothing is written."""
        return self._difference(plan)[0]

    def publish(self, plan: PlanToPublish, remembered: Remembered, keyring: Keyring) -> Written:
        """Replace the file if the plan changed."""
        written, text = self._difference(plan)
        if written.written:
            assert self.plan is not None
            try:
                write_text(self.plan, text)
            except OSError as error:
                raise PublishRefused(
                    f"{self.plan}: cannot be written ({error.strerror}); the plan published before "
                    "still stands; check the path and its rights"
                ) from error
        return written

    def _difference(self, plan: PlanToPublish) -> tuple[Written, str]:
        """What differs from the file as it is, and the text it should have."""
        if self.plan is None:
            raise PublishRefused(f"{self.name}: plan is missing; name the file of the plan")
        root = operations_schedule(plan)
        if self.schemas:
            b2mml.check_schema(root, self.schemas, f"plan for {self.plan}")
        text = b2mml.document(root)
        before, after = _requests(self.plan), _requests_of(text.encode())
        same = sum(before.get(id) == content for id, content in after.items())
        gone = len(before.keys() - after.keys())
        changed = len(after) - same + gone
        if not changed and not (self.plan.is_file() and self.plan.read_text("utf-8") == text):
            changed = 1  # the frame of the document
        return Written(self.name, written=changed, unchanged=same), text


def operations_schedule(plan: PlanToPublish) -> _Element:
    """A plan as an OperationsSchedule element."""
    horizon = plan.schedule.horizon
    by_order: dict[str, list[Assignment]] = {}
    for assignment in plan.schedule.assignments:
        by_order.setdefault(assignment.order, []).append(assignment)
    book = {order.id: order for order in plan.orders}
    requests = [_request(book[id], rows, plan) for id, rows in by_order.items()]
    requests += list(_maintenance(plan))
    if not requests:
        raise PublishRefused("the plan is empty; an OperationsSchedule has at least one request")
    return element(
        "OperationsSchedule",
        element("ID", plan.plant.id),
        element("PublishedDate", _instant(plan, 0.0)),
        element("StartTime", _instant(plan, 0.0)),
        element("EndTime", _instant(plan, float(horizon.minutes))),
        element("OperationsType", "Mixed"),
        element("ScheduleState", "Released"),
        *requests,
    )


def _request(order: WorkOrder, rows: list[Assignment], plan: PlanToPublish) -> _Element:
    return element(
        "OperationsRequest",
        element("ID", order.id),
        element("StartTime", _instant(plan, min(row.start for row in rows))),
        element("EndTime", _instant(plan, max(row.end for row in rows))),
        element("OperationsType", "Production"),
        element("OperationsDefinitionID", order.product),
        *(_segment(order, row, plan) for row in rows),
    )


def _segment(order: WorkOrder, row: Assignment, plan: PlanToPublish) -> _Element:
    made = element(
        "MaterialRequirement",
        element("ID", order.product),
        element("MaterialDefinitionID", order.product),
        element("MaterialUse", "Produced"),
        b2mml.quantity(str(order.quantity)),
    )
    return element(
        "SegmentRequirement",
        element("ID", f"{order.id}/{row.operation}"),
        element("EarliestStartTime", _instant(plan, row.start)),
        element("LatestEndTime", _instant(plan, row.end)),
        element("OperationsType", "Production"),
        element("ProcessSegmentID", row.operation),
        element("OperationsDefinitionID", order.product),
        element("OperationsSegmentID", row.operation),
        _equipment(row.work_unit),
        made,
    )


def _maintenance(plan: PlanToPublish) -> Iterator[_Element]:
    tasks = (s for s in plan.schedule.segments if s.kind == "maintenance")
    numbers: dict[tuple[str, str], int] = {}
    for s in sorted(tasks, key=lambda s: (s.start, s.work_unit, s.task)):
        numbers[s.work_unit, s.task] = n = numbers.get((s.work_unit, s.task), 0) + 1
        span = (element("EarliestStartTime", _instant(plan, s.start)),
                element("LatestEndTime", _instant(plan, s.end)))  # fmt: skip
        id = f"{s.work_unit}/{s.task}/{n}"
        yield element(
            "OperationsRequest",
            element("ID", id),
            element("OperationsType", "Maintenance"),
            element(
                "SegmentRequirement",
                element("ID", id),
                *span,
                element("OperationsType", "Maintenance"),
                element("ProcessSegmentID", s.task),
                element("OperationsDefinitionID", s.task),
                element("OperationsSegmentID", s.task),
                _equipment(s.work_unit),
            ),
        )


def _equipment(work_unit: str) -> _Element:
    return element(
        "EquipmentRequirement", element("ID", work_unit), element("EquipmentID", work_unit)
    )


def _instant(plan: PlanToPublish, minute: float) -> str:
    """Instant on the plant's clock, to the second."""
    instant = plan.schedule.horizon.to_datetime(round(minute * 60) / 60)
    return instant.astimezone(plan.plant.zone).isoformat(timespec="seconds")


def _requests(path: Path) -> Mapping[str, str]:
    """Requests of the file as it is; none when there is none, or it is not ours."""
    try:
        return _requests_of(path.read_bytes())
    except (OSError, InputError):
        return {}


def _requests_of(content: bytes) -> dict[str, str]:
    from lxml import etree

    root = b2mml.parse(content, "plan")
    found = b2mml.descendants(root, "OperationsRequest")
    return {text_at(one, "ID"): etree.tostring(one, encoding="unicode").strip() for one in found}


def _documents(path: Path) -> list[Path]:
    return sorted(path.glob("*.xml")) if path.is_dir() else [path]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        fault = Fault("", f"cannot be read: {error.strerror}", "check the path and its rights")
        raise InputError(str(path), [fault]) from None


def _order(request: _Element, plant: Plant, faults: Faults) -> WorkOrder | None:
    """The order of a request; None when it has ended, or a fault of it was added."""
    from twin.connectors.csv_files import parse_instant

    if text_at(request, "RequestState") in ENDED:
        return None
    before, id = len(faults.found), text_at(request, "ID")
    where = f"line {request.sourceline}"

    def wrong(found: str, remedy: str = "") -> None:
        faults.add(where, f'OperationsRequest "{id}": {found}', remedy)

    def instant(name: str, *, is_due: bool) -> datetime | None:
        text = text_at(request, name)
        try:
            return parse_instant(text, plant.zone, end_of_day=is_due)
        except ValueError as error:
            wrong(f'{name} got "{text}"; {error}')
            return None

    product, quantity = _product(request)
    products = [p.id for p in plant.products]
    if not id:
        wrong("has no ID")
    if product not in products:
        wrong(f'plant {plant.id} makes no product "{product}"', did_you_mean(product, products))
    pieces = _number(quantity)
    if not (pieces > 0 and pieces.is_integer()):
        wrong(f'quantity got "{quantity}"; a positive whole number of pieces is expected')
    release, due = instant("StartTime", is_due=False), instant("EndTime", is_due=True)
    if release and due and due < release:
        wrong(f"ends {text_at(request, 'EndTime')} before it starts", "correct one of the times")
    weight = _number(text_at(request, "Priority") or "1")
    if not weight >= 0:
        wrong(f'Priority got "{text_at(request, "Priority")}"; a number at or above 0 is expected')
    if len(faults.found) > before or release is None or due is None:
        return None
    return WorkOrder(id, product, int(pieces), release, due, weight)


def _product(request: _Element) -> tuple[str, str]:
    """Product and quantity of a request: those of the last segment that says what is produced."""
    found = ("", "")
    for material in b2mml.descendants(request, "MaterialRequirement"):
        if text_at(material, "MaterialUse") in PRODUCED:
            found = (text_at(material, "MaterialDefinitionID"), b2mml.quantity_at(material)[0])
    return found


def _number(text: str) -> float:
    from twin.connectors.csv_files import number

    try:
        return number(text)
    except ValueError:
        return -1.0
