"""Orders in and plans out as B2MML OperationsSchedule."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from twin.connectors import b2mml
from twin.erp.b2mml_schedule import B2mmlErp, operations_schedule
from twin.erp.signature import PlanToPublish, Written
from twin.errors import InputError, PublishRefused
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import load_plant
from twin.model.schedule import Schedule, Segment
from twin.secrets import Keyring

PLANT = load_plant(Path(__file__).parents[2] / "plants" / "small.yaml")
PRODUCT = PLANT.products[0]
ROUTE = PLANT.route_of(PRODUCT)
UNIT = PLANT.work_units[0].id
START = datetime(2026, 11, 23, 5, tzinfo=PLANT.zone)
KEYRING = Keyring({}, Path())


class NothingRemembered:
    """A file is replaced whole; nothing has to be remembered."""

    def last(self, record: str) -> None:
        return None

    intended = last

    def note(self, record: str, values: object) -> None: ...
    def confirm(self, record: str) -> None: ...


def order(id: str) -> WorkOrder:
    return WorkOrder(id, PRODUCT.id, 100, START, START.replace(day=25))


def plan(**starts: float) -> PlanToPublish:
    segments = [
        Segment(UNIT, start, start + 60, "work", order=id, operation=ROUTE[0])
        for id, start in starts.items()
    ]
    segments.append(Segment(UNIT, 2000, 2060, "maintenance", task="oil"))
    schedule = Schedule(Horizon(START, 7 * 1440, PLANT.timezone), tuple(segments))
    return PlanToPublish("run", schedule, PLANT, OrderBook(tuple(order(id) for id in starts)))


def publish(erp: B2mmlErp, given: PlanToPublish) -> Written:
    before = erp.compare(given, NothingRemembered(), KEYRING)
    done = erp.publish(given, NothingRemembered(), KEYRING)
    assert before == done
    return done


def test_the_same_plan_twice_writes_nothing(tmp_path: Path) -> None:
    erp = B2mmlErp(plan=tmp_path / "plan.xml")
    assert publish(erp, plan(a=0, b=60)).written == 3
    content = (tmp_path / "plan.xml").read_bytes()
    assert publish(erp, plan(a=0, b=60)) == Written("b2mml", written=0, unchanged=3)
    assert (tmp_path / "plan.xml").read_bytes() == content


def test_only_what_moved_is_counted(tmp_path: Path) -> None:
    erp = B2mmlErp(plan=tmp_path / "plan.xml")
    publish(erp, plan(a=0, b=60, c=120))
    done = publish(erp, plan(a=0, b=90, c=150))
    assert (done.written, done.unchanged) == (2, 2)


def test_a_file_that_is_not_ours_is_replaced_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "plan.xml"
    path.write_text("half of some")
    assert publish(B2mmlErp(plan=path), plan(a=0)).written == 2


def test_compare_writes_nothing(tmp_path: Path) -> None:
    B2mmlErp(plan=tmp_path / "plan.xml").compare(plan(a=0), NothingRemembered(), KEYRING)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(PublishRefused, match="cannot be written"):
        B2mmlErp(plan=tmp_path / "x" / "plan.xml").publish(plan(a=0), NothingRemembered(), KEYRING)


@pytest.mark.real_data
def test_a_plan_keeps_to_the_published_schemas(shared_dir: Path) -> None:
    schemas = shared_dir / "schemas" / "b2mml" / "Schema"
    if not schemas.is_dir():
        pytest.skip(f"no B2MML schemas in {schemas}")
    root = b2mml.parse(b2mml.document(operations_schedule(plan(a=0, b=60))).encode(), "plan")
    b2mml.check_schema(root, schemas, "plan")
    next(b2mml.descendants(root, "OperationsType")).text = "Guesswork"
    with pytest.raises(InputError, match="Guesswork"):  # the schema would see a fault
        b2mml.check_schema(root, schemas, "plan")


def request(id: str, *, quantity: str = "100", end: str = "2026-11-25", extra: str = "") -> str:
    return f"""<OperationsRequest><ID>{id}</ID><StartTime>2026-11-23T06:00:00</StartTime>
<EndTime>{end}</EndTime>{extra}
<SegmentRequirement><ID>1</ID><ProcessSegmentID/><OperationsDefinitionID/><OperationsSegmentID/>
<MaterialRequirement><ID>m</ID><MaterialDefinitionID>{PRODUCT.id}</MaterialDefinitionID>
<MaterialUse>Produced</MaterialUse><Quantity><QuantityString>{quantity}</QuantityString></Quantity>
</MaterialRequirement></SegmentRequirement></OperationsRequest>"""


@contextmanager
def orders_in(path: Path, *requests: str) -> Iterator[B2mmlErp]:
    schedule = f'<OperationsSchedule xmlns="{b2mml.NAMESPACE}"><ID>1</ID>{"".join(requests)}'
    path.write_text(f"{schedule}</OperationsSchedule>")
    yield B2mmlErp(orders=path)


def test_orders_are_read_on_the_plants_clock(tmp_path: Path) -> None:
    with orders_in(tmp_path / "o.xml", request("a", extra="<Priority>3</Priority>")) as erp:
        (found,) = erp.read_orders(PLANT, KEYRING)
    assert (found.id, found.product, found.quantity, found.weight) == ("a", PRODUCT.id, 100, 3.0)
    assert found.release_date == datetime(2026, 11, 23, 6, tzinfo=PLANT.zone)
    assert found.due_date == datetime(2026, 11, 26, tzinfo=PLANT.zone)


def test_a_later_document_replaces_an_order_and_ends_another(tmp_path: Path) -> None:
    ended = request("b", extra="<RequestState>Completed</RequestState>")
    with orders_in(tmp_path / "1.xml", request("a"), request("b")):
        pass
    with orders_in(tmp_path / "2.xml", request("a", quantity="70"), ended):
        pass
    found = B2mmlErp(orders=tmp_path).read_orders(PLANT, KEYRING)
    assert [(one.id, one.quantity) for one in found] == [("a", 70)]


def test_every_fault_of_a_document_is_told(tmp_path: Path) -> None:
    bad = [request("a", quantity="2.5"), request("b", end="soon"), request("c", end="2026-11-20")]
    with (
        orders_in(tmp_path / "o.xml", *bad) as erp,
        pytest.raises(InputError) as error,
    ):
        erp.read_orders(PLANT, KEYRING)
    assert len(error.value.faults) == 3
    assert 'OperationsRequest "b": EndTime got "soon"' in str(error.value)


def test_a_plan_comes_back_as_orders(tmp_path: Path) -> None:
    """Product and quantity of what is written are read as they were."""
    given = plan(a=0, b=60)
    publish(B2mmlErp(plan=tmp_path / "plan.xml"), replace(given))
    root = b2mml.parse((tmp_path / "plan.xml").read_bytes(), "plan")
    for one in list(b2mml.children(root, "OperationsRequest")):
        if b2mml.text_at(one, "OperationsType") == "Maintenance":
            root.remove(one)
    (tmp_path / "orders.xml").write_text(b2mml.document(root))
    found = B2mmlErp(orders=tmp_path / "orders.xml").read_orders(PLANT, KEYRING)
    assert [(o.id, o.product, o.quantity) for o in found] == [
        (o.id, o.product, o.quantity) for o in given.orders
    ]
