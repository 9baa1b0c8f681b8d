"""Production reports of an MES in B2MML become starts and ends."""

import os
from pathlib import Path

import pytest

from tests.twin.ingest.fake_intake import FakeIntake, receiving
from twin.connectors import b2mml
from twin.ingest.b2mml_performance import B2mmlSource
from twin.secrets import Keyring

KEYRING = Keyring({}, Path())


def material(use: str, quantity: str, *, other: str = "", lot: str = "", product: str = "") -> str:
    named = f"<MaterialDefinitionID>{product}</MaterialDefinitionID>" if product else ""
    named += f"<MaterialLotID>{lot}</MaterialLotID>" if lot else ""
    kind = f' OtherValue="{other}"' if other else ""
    return (
        f"<MaterialActual><ID>m</ID>{named}<MaterialUse{kind}>{use}</MaterialUse><Quantity>"
        f"<QuantityString>{quantity}</QuantityString></Quantity></MaterialActual>"
    )


def segment(id: str, *, start: str = "06:00", end: str = "07:00", inside: str = "") -> str:
    times = f"<ActualStartTime>2026-11-23T{start}:00+01:00</ActualStartTime>"
    times += f"<ActualEndTime>2026-11-23T{end}:00+01:00</ActualEndTime>" if end else ""
    return (
        f"<SegmentResponse><ID>{id}</ID>{times}<ProcessSegmentID>head</ProcessSegmentID>"
        "<EquipmentActual><ID>e</ID><EquipmentID>CH-1</EquipmentID></EquipmentActual>"
        f"{inside}</SegmentResponse>"
    )


def performance(*segments: str, id: str = "R1", order: str = "4711") -> str:
    return (
        f'<OperationsPerformance xmlns="{b2mml.NAMESPACE}"><ID>P1</ID><OperationsResponse>'
        f"<ID>{id}</ID><OperationsRequestID>{order}</OperationsRequestID>{''.join(segments)}"
        "</OperationsResponse></OperationsPerformance>"
    )


WORK = f"""<WorkPerformance xmlns="{b2mml.NAMESPACE}"><ID>W1</ID><WorkScheduleID>S</WorkScheduleID>
<WorkResponse><ID>R1</ID><WorkRequestID>4711</WorkRequestID><JobResponse><ID>J1</ID>
<StartTime>2026-11-23T06:00:00Z</StartTime><EndTime>2026-11-23T07:00:00Z</EndTime>
<WorkMasterID>roll</WorkMasterID><JobResponseData><ID>ScrapQuantity</ID><Value>
<ValueString>4</ValueString></Value></JobResponseData>
<EquipmentActual><ID>e</ID><EquipmentID>TR-1</EquipmentID></EquipmentActual>
{material("Produced", "96")}</JobResponse></WorkResponse></WorkPerformance>"""

MADE = (
    material("Consumed", "12", lot="coil-7")
    + material("Produced", "90", lot="lot-3", product="M8")
    + material("Produced", "5", product="M8")
    + material("Other", "2", other="Scrap")
)


def source(folder: Path, **settings: object) -> B2mmlSource:
    given = {"name": "mes", "folder": folder, "every": 0.0002, "settle": 0.0, **settings}
    return B2mmlSource.model_validate(given)


def read(folder: Path, messages: int, **settings: object) -> FakeIntake:
    with receiving(source(folder, **settings), KEYRING, FakeIntake()) as intake:
        intake.wait_for(lambda i: len(i.messages) >= messages)
    return intake


def test_a_segment_becomes_a_start_and_an_end(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(performance(segment("S1", inside=MADE)))
    start, end = read(tmp_path, 2).values
    common = {
        "work_unit": "CH-1", "order": "4711", "operation": "head", "product": "M8", "lot": "lot-3",
    }  # fmt: skip
    time = "2026-11-23T06:00:00+01:00"
    assert start == {**common, "event": "start", "time": time, "material": "coil-7"}
    time = "2026-11-23T07:00:00+01:00"
    assert end == {**common, "event": "end", "time": time, "quantity": 95.0, "scrap": 2.0}


def test_a_job_response_of_a_work_performance_is_read(tmp_path: Path) -> None:
    (tmp_path / "w.xml").write_text(WORK)
    end = read(tmp_path, 2).values[1]
    wanted = {"order": "4711", "operation": "roll", "work_unit": "TR-1", "scrap": 4.0}
    assert wanted.items() <= end.items()
    assert (end["quantity"], end["lot"]) == (96.0, "W1/R1/J1")


def test_a_segment_still_open_is_a_start_and_later_an_end(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(performance(segment("S1", end="")))
    with receiving(source(tmp_path), KEYRING, FakeIntake()) as intake:
        intake.wait_for(lambda i: len(i.messages) == 1)
        (tmp_path / "a.xml").write_text(performance(segment("S1", inside=MADE)))
        intake.wait_for(lambda i: len(i.messages) == 2)
    assert [v["event"] for v in intake.values] == ["start", "end"]


def test_the_same_report_in_two_files_has_the_same_keys(tmp_path: Path) -> None:
    for name in ("a.xml", "b.xml"):
        (tmp_path / name).write_text(performance(segment("S1", inside=MADE)))
    with receiving(source(tmp_path), KEYRING, FakeIntake()) as intake:
        intake.wait_for(lambda i: len(i.batches) == 2)
    assert [m.key for m in intake.messages] == ["P1/R1/S1/start", "P1/R1/S1/end"]


def test_a_half_written_file_waits_until_it_is_whole(tmp_path: Path) -> None:
    text = performance(segment("S1", inside=MADE))
    (tmp_path / "a.xml").write_text(text[:200])
    (tmp_path / "b.xml").write_text(performance(segment("S9"), id="R9"))
    with receiving(source(tmp_path, settle=60), KEYRING, FakeIntake()) as intake:
        intake.wait_for(lambda i: len(i.messages) == 2)  # the other file is not kept waiting
        assert not intake.refused
        (tmp_path / "a.xml").write_text(text)
        intake.wait_for(lambda i: len(i.messages) == 4)


def test_a_broken_file_is_refused_once_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<OperationsPerformance>\n<ID>")
    with receiving(source(tmp_path), KEYRING, FakeIntake()) as intake:
        intake.wait_for(lambda i: bool(i.refused))
        intake.wait(0.1)
    assert len(intake.refused) == 1
    assert intake.refused[0].startswith("a.xml: line 2: not valid XML")


def test_a_broken_file_from_a_server_whose_clock_is_ahead_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<OperationsPerformance>")
    os.utime(tmp_path / "a.xml", (2_000_000_000, 2_000_000_000))
    with receiving(source(tmp_path, settle=1), KEYRING, FakeIntake()) as intake:
        intake.wait_for(lambda i: bool(i.refused))


def test_a_file_without_any_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(f'<OperationsPerformance xmlns="{b2mml.NAMESPACE}"/>')
    assert "no response with an actual start or end" in read(tmp_path, 1).refused[0]


def test_what_was_read_before_is_not_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(performance(segment("S1")))
    before = read(tmp_path, 2).positions[-1]
    (tmp_path / "b.xml").write_text(performance(segment("S2"), id="R2"))
    with receiving(source(tmp_path), KEYRING, FakeIntake(start_at=before)) as intake:
        intake.wait_for(lambda i: len(i.messages) == 2)
    assert {m.origin.partition(":")[0] for m in intake.messages} == {"b.xml"}


def test_a_link_out_of_the_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(performance(segment("S1")))
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.xml").symlink_to(tmp_path / "secret")
    with receiving(source(folder), KEYRING, FakeIntake()) as intake:
        intake.wait_for(lambda i: bool(i.connections))
        intake.wait(0.1)
    assert intake.messages == []


def test_a_folder_that_comes_later_is_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    with receiving(source(folder), KEYRING, FakeIntake()) as intake:
        intake.wait_for(lambda i: i.connections[-1:] and not i.connections[-1][0])
        folder.mkdir()
        (folder / "a.xml").write_text(performance(segment("S1")))
        intake.wait_for(lambda i: len(i.messages) == 2)


@pytest.mark.real_data
def test_a_file_against_the_schemas_is_refused(tmp_path: Path, shared_dir: Path) -> None:
    schemas = shared_dir / "schemas" / "b2mml" / "Schema"
    if not schemas.is_dir():
        pytest.skip(f"no B2MML schemas in {schemas}")
    (tmp_path / "good.xml").write_text(performance(segment("S1", inside=MADE)))
    (tmp_path / "wrong.xml").write_text(performance(segment("S2", inside="<Colour>red</Colour>")))
    with receiving(source(tmp_path, schemas=schemas), KEYRING, FakeIntake()) as intake:
        intake.wait_for(lambda i: len(i.messages) == 3)
    assert "Colour" in intake.refused[0]
