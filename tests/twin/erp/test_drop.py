"""A drop folder is an ERP like the others: compared, published, left alone the second time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.twin.erp.pins import Outbox, plan_of
from twin.connectors.plan_drop import PLAN, read_published
from twin.erp.drop import DropErp
from twin.errors import PublishRefused
from twin.secrets import Keyring

KEYS = Keyring({}, Path())
IDS = [f"WO-{n}" for n in range(4)]


@pytest.fixture
def drop(tmp_path: Path) -> DropErp:
    return DropErp(folder=Path("drop")).located(tmp_path)


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox.json")


def test_a_plan_is_published_whole_and_once(drop: DropErp, outbox: Outbox) -> None:
    plan = plan_of(IDS)
    assert drop.compare(plan, outbox, KEYS).written == 1
    assert not drop.folder.exists()
    done = drop.publish(plan, outbox, KEYS)
    assert (done.written, done.unchanged, done.files) == (1, 0, (str(drop.folder),))
    assert read_published(drop.folder) == plan.schedule
    again = drop.publish(replace(plan, run="run-2"), outbox, KEYS)
    assert (again.written, again.unchanged, again.files) == (0, 1, ())
    assert again == drop.compare(plan, outbox, KEYS)


def test_comparing_sees_another_plan_and_a_spoilt_file(drop: DropErp, outbox: Outbox) -> None:
    plan = plan_of(IDS)
    drop.publish(plan, outbox, KEYS)
    assert drop.compare(plan_of(IDS, {"WO-0": 4}), outbox, KEYS).written == 1
    (drop.folder / PLAN).write_text("spoilt", encoding="utf-8")
    assert drop.compare(plan, outbox, KEYS).written == 1
    assert drop.publish(plan, outbox, KEYS).written == 1
    assert drop.compare(plan, outbox, KEYS).written == 0


def test_a_folder_that_cannot_be_written_refuses(drop: DropErp, outbox: Outbox) -> None:
    drop.folder.write_text("a file in its place", encoding="utf-8")
    assert drop.compare(plan_of(IDS), outbox, KEYS).written == 1
    with pytest.raises(PublishRefused, match="cannot be written"):
        drop.publish(plan_of(IDS), outbox, KEYS)
