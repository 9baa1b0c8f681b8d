"""What a Tryton holds for production, read in a few calls and joined by name.

Tryton knows a product by its code; work centres, categories, operations and routings by a name in
the user's language. It keeps no cycle times: what it has is how long recorded cycles took.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NoReturn

from twin.erp.tryton_rpc import PAGE, Session
from twin.errors import Fault, InputError, did_you_mean

OPEN = ("draft", "waiting", "assigned", "running")
"""States of productions that are planned; a *request* is a proposal that nobody has confirmed."""

_PRODUCTION_FIELDS = [
    "number", "reference", "state", "product.code", "product.default_uom.factor",
    "product.default_uom.symbol", "quantity", "unit.factor", "planned_start_date", "planned_date",
    "routing.name", "rec_name", "create_date", "_timestamp",
]  # fmt: skip
_WORK_FIELDS = [
    "production", "operation.name", "work_center.name", "state", "create_uid", "write_uid",
    "_timestamp",
]  # fmt: skip


@dataclass(frozen=True)
class Work:
    """One operation of a production, on its work centre; there from *waiting* on."""

    id: int
    operation: str
    work_center: str
    """Empty where none is assigned."""
    state: str
    last_user: int
    """Who saved it last."""
    timestamp: str


@dataclass(frozen=True)
class Production:
    """A production order of Tryton."""

    id: int
    shown: str
    """As Tryton shows it: ``5 [WO-1]``."""
    number: str
    """Empty until it leaves draft for the first time."""
    reference: str
    state: str
    product: str
    """Code; empty where there is none."""
    quantity: float | None
    """In the product's default unit."""
    unit: str
    """The product's default unit."""
    planned_start_date: date | None
    planned_date: date | None
    """When it should be complete."""
    routing: str
    entered: datetime
    """When it was made, on the server's clock; it tells two of one reference apart."""
    timestamp: str
    """Of the last save; a save with an older one is refused."""
    works: tuple[Work, ...] = ()

    @property
    def dates(self) -> tuple[date | None, date | None]:
        return self.planned_start_date, self.planned_date

    def order_id(self, key: str) -> str:
        """Id of the order in Noria; empty where it has none."""
        return {
            "reference": self.reference,
            "number": self.number,
            "record": f"({self.id})",
        }[key]


@dataclass(frozen=True)
class Scope:
    """Whose productions are meant."""

    company: int
    company_party: int
    warehouse: int | None

    @property
    def domain(self) -> list[Any]:
        found: list[Any] = [["company", "=", self.company]]
        return [*found, ["warehouse", "=", self.warehouse]] if self.warehouse else found


def read_scope(session: Session, company: str, warehouse: str) -> Scope:
    """Company and warehouse by name; without a name the user's own company, any warehouse.

    Raises
    ------
    InputError
        When there is none of that name.
    """
    rows = session.all("company.company", [], ["party", "party.name"])
    if company:
        row = _one_named(company, {r["party."]["name"]: r for r in rows}, "company")
    else:
        own = session.context.get("company")
        mine = [r for r in rows if r["id"] == own]
        row = mine[0] if mine else _no_company(session)
    session.context["company"] = row["id"]
    if not warehouse:
        return Scope(row["id"], row["party"], None)
    places = session.all("stock.location", [["type", "=", "warehouse"]], ["code", "name"])
    place = _one_named(warehouse, {p["code"] or p["name"]: p for p in places}, "warehouse")
    return Scope(row["id"], row["party"], place["id"])


def _no_company(session: Session) -> NoReturn:
    found = f"user {session.connection.user} belongs to no company in Tryton"
    raise InputError("tryton", [Fault("company", found, "add one to the user, or name one")])


def _one_named(name: str, known: dict[str, Any], kind: str) -> dict[str, Any]:
    if name in known:
        row: dict[str, Any] = known[name]
        return row
    fault = Fault(kind, f'no {kind} "{name}" that this user may see', did_you_mean(name, known))
    raise InputError("tryton", [fault])


def read_productions(session: Session, scope: Scope, domain: Sequence[Any]) -> list[Production]:
    """Productions that fit, with their works, in the order they were entered."""
    rows = session.all("production", [*scope.domain, *domain], _PRODUCTION_FIELDS)
    works = _works(session, [row["id"] for row in rows if row["state"] not in ("request", "draft")])
    return [_production(row, tuple(works.get(row["id"], ()))) for row in rows]


def productions_of(
    session: Session, scope: Scope, key: str, orders: Iterable[str]
) -> list[Production]:
    """Productions of these orders, in whatever state."""
    found: list[Production] = []
    for some in _slices(sorted(orders)):
        if key == "record":
            ids = [int(order.strip("()")) for order in some if order.strip("()").isdecimal()]
            found += read_productions(session, scope, [["id", "in", ids]])
        else:
            found += read_productions(session, scope, [[key, "in", some]])
    return found


def _works(session: Session, productions: list[int]) -> dict[int, list[Work]]:
    found: dict[int, list[Work]] = defaultdict(list)
    for some in _slices(productions):
        for row in session.all("production.work", [["production", "in", some]], _WORK_FIELDS):
            found[row["production"]].append(_work(row))
    return found


def _work(row: dict[str, Any]) -> Work:
    return Work(
        id=row["id"],
        operation=_of(row, "operation.", "name") or "",
        work_center=_of(row, "work_center.", "name") or "",
        state=row["state"],
        last_user=row["write_uid"] or row["create_uid"] or 0,
        timestamp=row["_timestamp"],
    )


def _production(row: dict[str, Any], works: tuple[Work, ...]) -> Production:
    own, default = _of(row, "unit.", "factor"), _of(row, "product.", "default_uom.", "factor")
    quantity = row["quantity"]
    if quantity is not None and own and default:
        quantity = round(quantity * own / default, 9)  # factors are floats
    return Production(
        id=row["id"],
        shown=row["rec_name"],
        number=(row["number"] or "").strip(),
        reference=(row["reference"] or "").strip(),
        state=row["state"],
        product=(_of(row, "product.", "code") or "").strip(),
        quantity=quantity,
        unit=_of(row, "product.", "default_uom.", "symbol") or "",
        planned_start_date=row["planned_start_date"],
        planned_date=row["planned_date"],
        routing=_of(row, "routing.", "name") or "",
        entered=row["create_date"],
        timestamp=row["_timestamp"],
        works=works,
    )


def _of(row: dict[str, Any], *path: str) -> Any:
    """A value of a record that another refers to; None when nothing is referred to."""
    found: Any = row
    for step in path:
        found = found.get(step) if found else None
    return found


def _slices(items: list[Any]) -> Iterator[list[Any]]:
    return (items[i : i + PAGE] for i in range(0, len(items), PAGE))
