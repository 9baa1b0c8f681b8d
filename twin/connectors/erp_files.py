"""Work orders from an ERP's CSV export.

Columns: order, product, quantity, release_date, due_date, and optionally weight, customer,
customer_class and deadline (empty: none). Dates are ISO. One without an offset is the plant's wall
clock; one without a time is the first instant of the day for a release and the last for a due date
or deadline.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from twin.connectors.csv_files import (
    CsvTable,
    number,
    number_text,
    parse_instant,
    read_csv,
    write_csv,
)
from twin.errors import Fault, InputError, did_you_mean
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant, Product

REQUIRED = ("order", "product", "quantity", "release_date", "due_date")
OPTIONAL = ("weight", "customer", "customer_class", "deadline")
MOST_DAYS = 366
"""An order of more uninterrupted work than this is a slip of the pen."""


def read_orders(path: Path, plant: Plant) -> OrderBook:
    """Read the order book, in the ERP's sequence.

    Raises
    ------
    InputError
        With every fault of the file: unknown products, quantities that are no positive whole
        numbers, unreadable dates, orders due before their release, ids that appear twice.
    """
    path = Path(path)
    table = read_csv(path, REQUIRED, OPTIONAL)
    if not len(table) and not table.faults.found:
        raise InputError(str(path), [Fault("", "no orders, only a header", "check the ERP export")])
    _check_ids(table)
    found = [_order(table, row, plant) for row in range(len(table))]
    table.faults.settle()
    return OrderBook(tuple(order for order in found if order is not None))


def write_orders(orders: OrderBook, path: Path) -> None:
    """Write an order book so that :func:`read_orders` gives it back."""
    rows = list(orders)
    columns = {
        "order": [o.id for o in rows],
        "product": [o.product for o in rows],
        "quantity": [str(o.quantity) for o in rows],
        "release_date": [o.release_date.isoformat() for o in rows],
        "due_date": [o.due_date.isoformat() for o in rows],
        "weight": number_text(o.weight for o in rows),
        "customer": [o.customer for o in rows],
    }
    if any(o.customer_class for o in rows):
        columns["customer_class"] = [o.customer_class for o in rows]
    if any(o.deadline for o in rows):
        columns["deadline"] = [o.deadline.isoformat() if o.deadline else "" for o in rows]
    write_csv(Path(path), columns)


def _check_ids(table: CsvTable) -> None:
    seen: dict[str, int] = {}
    for id, line in zip(table.columns["order"], table.lines, strict=True):
        if not id.strip():
            table.faults.at_line(line, "the order has no id")
        elif id.strip() in seen:
            first = seen[id.strip()]
            table.faults.at_line(line, f'order "{id}" is already on line {first}', "keep one")
        else:
            seen[id.strip()] = line


def _order(table: CsvTable, row: int, plant: Plant) -> WorkOrder | None:
    """One work order; None when a fault of it was added to the table."""
    before = len(table.faults.found)
    cell = {name: table.column(name)[row].strip() for name in (*REQUIRED, *OPTIONAL)}
    line, faults = table.lines[row], table.faults
    products = [product.id for product in plant.products]
    if cell["product"] not in products:
        remedy = did_you_mean(cell["product"], products)
        faults.at_line(line, f'plant {plant.id} makes no product "{cell["product"]}"', remedy)
    quantity = _quantity(cell["quantity"], line, table)
    if cell["product"] in products:
        days = _days_of_work(quantity, plant.product(cell["product"]), plant)
        if days > MOST_DAYS:
            found = f"quantity got {quantity}: {days:.0f} days of work at one operation alone"
            faults.at_line(line, found, "check the unit of the quantity, or split the order")
    release = _date("release_date", cell["release_date"], line, table, plant)
    due = _date("due_date", cell["due_date"], line, table, plant)
    weight = _weight(cell["weight"], line, table)
    if release and due and due < release:
        found = f"due {cell['due_date']} before its release {cell['release_date']}"
        faults.at_line(line, f'order "{cell["order"]}" is {found}', "correct one of the dates")
    deadline = None
    if cell["deadline"]:
        deadline = _date("deadline", cell["deadline"], line, table, plant)
    if release and deadline and deadline < release:
        found = f"deadline {cell['deadline']} before its release {cell['release_date']}"
        faults.at_line(line, f'order "{cell["order"]}" has its {found}', "correct one of the dates")
    if len(faults.found) > before or release is None or due is None:
        return None
    return WorkOrder(
        id=cell["order"],
        product=cell["product"],
        quantity=quantity,
        release_date=release,
        due_date=due,
        weight=weight,
        customer=cell["customer"],
        customer_class=cell["customer_class"],
        deadline=deadline,
    )


def _days_of_work(quantity: int, product: Product, plant: Plant) -> float:
    """Days without pause that the slowest operation of an order takes on its fastest unit."""
    minutes = [
        min(row.minutes_per_piece(product) for row in plant.rows_for(operation, product))
        for operation in plant.route_of(product)
    ]
    return quantity * max(minutes) / 1440


def _quantity(text: str, line: int, table: CsvTable) -> int:
    try:
        value = number(text)
    except ValueError as error:
        table.faults.at_line(line, f'quantity got "{text}"; {error}')
        return 0
    if not (value > 0 and value.is_integer()):
        found = f'quantity got "{text}"; a positive whole number of pieces is expected'
        table.faults.at_line(line, found)
        return 0
    return int(value)


def _weight(text: str, line: int, table: CsvTable) -> float:
    if not text:
        return 1.0
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        table.faults.at_line(line, f'weight got "{text}"; a number at or above 0 is expected')
    return value


def _date(name: str, text: str, line: int, table: CsvTable, plant: Plant) -> datetime | None:
    try:
        return parse_instant(text, plant.zone, end_of_day=name != "release_date")
    except ValueError as error:
        table.faults.at_line(line, f'{name} got "{text}"; {error}')
        return None
