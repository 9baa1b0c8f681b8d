"""Back to an earlier plan: every target gets it again, and the next night compares with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scenarios import archive
from scenarios.execution import recorded
from scenarios.ledger import Ledger
from scenarios.outbox import Outbox
from scenarios.publication import decide_and_deliver
from scenarios.replan import last_published
from scenarios.rollback import rollback
from scenarios.settings import ReplanConfig
from tests.archives import CUT_OFF, RUN_ID, small_run
from tests.fake_erp import FakeErp
from tests.scenarios.test_outbox import config_of
from twin.connectors.plan_drop import read_published
from twin.errors import ErpAway, InputError

DAY = timedelta(days=1)
BEFORE = "2026-11-22T0500-00000000"
"""Run of the night before."""


@pytest.fixture
def nights(tmp_path: Path) -> tuple[ReplanConfig, FakeErp]:
    """Two nights that were published, the latter into a folder as well."""
    config, erp = config_of(tmp_path), FakeErp(tmp_path / "erp")
    tonight = small_run(config.archive, replications=2)
    (config.archive / "ledger.sqlite").unlink()
    assert tonight.previous is not None
    before = replace(
        tonight, id=BEFORE, folder=config.archive / BEFORE, schedule=tonight.previous,
        case=replace(
            tonight.case,
            forecast=replace(tonight.case.forecast, horizon=tonight.previous.horizon),
            state=replace(tonight.case.state, at=CUT_OFF - DAY),
        ),
    )  # fmt: skip
    archive.save_run(config.archive, before)
    for id in (BEFORE, RUN_ID):
        published(config, id, erp)
    return config, erp


def published(config: ReplanConfig, id: str, erp: FakeErp) -> None:
    with recorded(config, "replan", {"fake": erp}) as execution:
        execution.run_id = id
        decide_and_deliver(execution, archive.load_run(config.archive / id))


def test_the_plan_before_is_published_again_with_a_ledger_row(
    nights: tuple[ReplanConfig, FakeErp],
) -> None:
    config, erp = nights
    first = {line["record"]: line for line in erp.journal[:7]}
    done = rollback(config, targets={"fake": erp})
    assert (done.run.id, done.instead_of) == (BEFORE, RUN_ID)
    assert {id: erp.records[id]["start"] for id in first} == {
        id: line["start"] for id, line in first.items()
    }
    row = Ledger(config.archive).rows()[0]
    assert (row["status"], row["run_id"], row["rolled_back_to"]) == ("ok", BEFORE, BEFORE)
    assert [letter.state for letter in Outbox(Ledger(config.archive)).letters()] == ["sent"] * 3


def test_the_next_night_compares_with_the_plan_gone_back_to(
    nights: tuple[ReplanConfig, FakeErp],
) -> None:
    config, erp = nights
    tomorrow = CUT_OFF + DAY

    def compared(at: datetime) -> Any:
        found = last_published(config.archive, at)
        return found and found.id

    assert compared(tomorrow) == RUN_ID
    rollback(config, targets={"fake": erp})
    assert compared(tomorrow) == BEFORE
    rollback(config, RUN_ID, targets={"fake": erp})
    assert compared(tomorrow) == RUN_ID
    assert compared(CUT_OFF) == BEFORE  # tonight again: compares with what was made before it
    assert compared(CUT_OFF - DAY) is None


def test_a_second_rollback_goes_forth_again(nights: tuple[ReplanConfig, FakeErp]) -> None:
    config, erp = nights
    rollback(config, targets={"fake": erp})
    assert rollback(config, targets={"fake": erp}).run.id == RUN_ID


def test_into_the_folder_of_the_configuration(nights: tuple[ReplanConfig, FakeErp]) -> None:
    config, _ = nights
    assert config.publish is not None
    rollback(config)
    assert read_published(config.publish) == archive.load_run(config.archive / BEFORE).schedule


def test_a_dry_run_says_what_would_be_written_and_writes_nothing(
    nights: tuple[ReplanConfig, FakeErp],
) -> None:
    config, erp = nights
    before = erp.journal
    done = rollback(config, dry_run=True, targets={"fake": erp})
    assert done.delivery.written["fake"].written == 7
    assert erp.journal == before
    assert Ledger(config.archive).publications()[-1] == RUN_ID
    assert Ledger(config.archive).rows()[0]["status"] == "dry run"


def test_refused_when_the_horizon_is_over_or_there_is_no_such_plan(
    nights: tuple[ReplanConfig, FakeErp],
) -> None:
    config, erp = nights
    before = erp.journal
    with pytest.raises(InputError, match=r"its horizon ended 2026-11-26 05:00, before"):
        rollback(config, targets={"fake": erp}, now=CUT_OFF + 3 * DAY)
    with pytest.raises(InputError, match='"2026-11-22" is no run whose plan was published'):
        rollback(config, "2026-11-22", targets={"fake": erp})
    assert erp.journal == before
    assert [row["exit_code"] for row in Ledger(config.archive).rows()[:2]] == [2, 2]


def test_with_one_plan_there_is_nothing_to_go_back_to(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    with pytest.raises(InputError, match="no plan was published"):
        rollback(config)
    small_run(config.archive, replications=2)
    with pytest.raises(InputError, match=f"{RUN_ID} is the only plan that was published"):
        rollback(config)


def test_away_it_waits_like_every_plan(nights: tuple[ReplanConfig, FakeErp]) -> None:
    config, erp = nights
    erp.is_away = True
    with pytest.raises(ErpAway, match="waits in the outbox for fake"):
        rollback(config, targets={"fake": erp})
    assert Ledger(config.archive).publications()[-1] == RUN_ID
    (letter,) = Outbox(Ledger(config.archive)).pending()
    assert letter.run == BEFORE
