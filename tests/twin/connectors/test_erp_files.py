"""Work orders from the ERP: dates by the plant's clock, and every fault in one message."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from twin.connectors.erp_files import read_orders, write_orders
from twin.errors import InputError
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant, load_plant

HEADER = "order,product,quantity,release_date,due_date,weight,customer"
SMALL = Path(__file__).resolve().parents[2] / "plants" / "small.yaml"


@pytest.fixture(scope="module")
def plant() -> Plant:
    return load_plant(SMALL)


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def message(path: Path, plant: Plant) -> str:
    with pytest.raises(InputError) as caught:
        read_orders(path, plant)
    return str(caught.value)


def test_dates_without_offset_are_the_plants_clock(tmp_path: Path, plant: Plant) -> None:
    row = "1,A,5000,2026-11-23 06:00,2026-11-27T14:00,,"
    (order,) = read_orders(write(tmp_path / "orders.csv", HEADER, row), plant)
    assert order.release_date == datetime(2026, 11, 23, 5, tzinfo=UTC)
    assert order.due_date == datetime(2026, 11, 27, 13, tzinfo=UTC)


def test_a_day_is_released_at_its_start_and_due_at_its_end(tmp_path: Path, plant: Plant) -> None:
    row = "1,A,5000,2026-11-23,2026-11-23,,"
    (order,) = read_orders(write(tmp_path / "orders.csv", HEADER, row), plant)
    assert (order.due_date - order.release_date).total_seconds() == 24 * 3600


def test_weight_and_customer_may_be_left_out(tmp_path: Path, plant: Plant) -> None:
    header, row = HEADER.removesuffix(",weight,customer"), "1,A,5000,2026-11-23,2026-11-27"
    (order,) = read_orders(write(tmp_path / "orders.csv", header, row), plant)
    assert (order.weight, order.customer) == (1.0, "")


def test_a_deadline_is_read_written_and_may_be_empty(tmp_path: Path, plant: Plant) -> None:
    header = f"{HEADER},deadline"
    rows = ["1,A,5000,2026-11-23,2026-11-27,,,2026-11-28", "2,A,5000,2026-11-23,2026-11-27,,,"]
    book = read_orders(write(tmp_path / "orders.csv", header, *rows), plant)
    first, second = book
    assert first.deadline == datetime(2026, 11, 28, 23, tzinfo=UTC)
    assert second.deadline is None
    write_orders(book, tmp_path / "again.csv")
    assert read_orders(tmp_path / "again.csv", plant) == book


def test_a_deadline_before_the_release_is_a_fault(tmp_path: Path, plant: Plant) -> None:
    row = "1,A,5000,2026-11-23,2026-11-27,,,2026-11-20"
    found = message(write(tmp_path / "orders.csv", f"{HEADER},deadline", row), plant)
    assert "deadline 2026-11-20 before its release" in found


def test_a_customer_class_is_read_written_and_may_be_empty(tmp_path: Path, plant: Plant) -> None:
    header = "order,product,quantity,release_date,due_date,customer_class"
    rows = ["1,A,5000,2026-11-23,2026-11-27,A", "2,A,5000,2026-11-23,2026-11-27,"]
    book = read_orders(write(tmp_path / "orders.csv", header, *rows), plant)
    assert [order.customer_class for order in book] == ["A", ""]
    write_orders(book, tmp_path / "again.csv")
    assert read_orders(tmp_path / "again.csv", plant) == book


def test_orders_are_read_back_as_written(tmp_path: Path, plant: Plant) -> None:
    book = OrderBook(
        (
            WorkOrder(
                "4711", "B", 120000,
                datetime(2026, 11, 20, 5, tzinfo=UTC), datetime(2026, 11, 27, 13, 30, tzinfo=UTC),
                2.5, "Boulons, Fès",
            ),
            WorkOrder(
                "4709", "A", 1,
                datetime(2026, 11, 20, 5, tzinfo=UTC), datetime(2026, 11, 20, 5, tzinfo=UTC),
            ),
        )
    )  # fmt: skip
    write_orders(book, tmp_path / "orders.csv")
    assert read_orders(tmp_path / "orders.csv", plant) == book


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("2,AA,5000,2026-11-23,2026-11-27,,", 'line 3: plant small makes no product "AA"'),
        ("2,A,0,2026-11-23,2026-11-27,,", 'line 3: quantity got "0"'),
        ("2,A,1.5,2026-11-23,2026-11-27,,", 'line 3: quantity got "1.5"'),
        ("2,A,nan,2026-11-23,2026-11-27,,", 'line 3: quantity got "nan"'),
        ('2,A,"12,000",2026-11-23,2026-11-27,,', "such as 12000 or 0.5: a point for decimals"),
        ("2,A,1e12,2026-11-23,2026-11-27,,", "days of work at one operation alone"),
        ("2,A,5,2026-11-23,9999-12-31,,", 'line 3: due_date got "9999-12-31"; a year from 1970'),
        ("2,A,5,2026-11-29,2026-11-27,,", "before its release"),
        ("2,A,5,23/11/2026,2026-11-27,,", 'line 3: release_date got "23/11/2026"'),
        ("2,A,5,,2026-11-27,,", 'line 3: release_date got ""'),
        ("1,A,5,2026-11-23,2026-11-27,,", 'line 3: order "1" is already on line 2'),
        (",A,5,2026-11-23,2026-11-27,,", "line 3: the order has no id"),
        ("2,A,5,2026-11-23,2026-11-27,-1,", 'line 3: weight got "-1"'),
        ("2,A,5,2026-11-23", "line 3: has 4 fields; 7 are expected"),
    ],
)
def test_a_fault_is_named(tmp_path: Path, plant: Plant, row: str, expected: str) -> None:
    good = "1,A,5000,2026-11-23,2026-11-27,,"
    assert expected in message(write(tmp_path / "orders.csv", HEADER, good, row), plant)


def test_all_faults_are_in_one_message(tmp_path: Path, plant: Plant) -> None:
    path = write(tmp_path / "orders.csv", HEADER, "1,Z,-3,x,y,,", "1,A,5,2026-11-23,2026-11-27,,")
    assert len(message(path, plant).splitlines()) == 5


def test_a_repeated_hour_needs_an_offset(tmp_path: Path, plant: Plant) -> None:
    paris = plant.model_copy(update={"timezone": "Europe/Paris"})
    path = write(tmp_path / "orders.csv", HEADER, "1,A,5,2026-10-25T02:30,2026-11-27,,")
    assert "a change of clock in Europe/Paris repeats this hour" in message(path, paris)


def test_an_empty_book_is_refused(tmp_path: Path, plant: Plant) -> None:
    assert "no orders, only a header" in message(write(tmp_path / "orders.csv", HEADER), plant)
