"""What a cut-off means on the plant's clock."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from scenarios.cut_off import instant_of
from scenarios.settings import load_config
from twin.errors import InputError

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("cut_off", "now", "instant"),
    [
        ("now", "2026-11-23T05:30:40+00:00", "2026-11-23T06:30:00+01:00"),
        ("06:00", "2026-11-23T05:00:00+00:00", "2026-11-23T06:00:00+01:00"),
        ("06:00", "2026-11-23T04:59:59+00:00", "2026-11-22T06:00:00+01:00"),
        ("6:05", "2026-11-23T05:30:00+00:00", "2026-11-23T06:05:00+01:00"),
        ("22:00", "2026-11-22T23:30:00+00:00", "2026-11-22T22:00:00+01:00"),
        ("02:30", "2026-10-25T00:45:00+00:00", "2026-10-25T02:30:00+02:00"),
        ("06:00", "2026-03-29T03:30:00+00:00", "2026-03-28T06:00:00+01:00"),
        ("06:00", "2026-03-29T04:00:00+00:00", "2026-03-29T06:00:00+02:00"),
    ],
)
def test_a_rule_is_the_latest_such_instant(cut_off: str, now: str, instant: str) -> None:
    assert instant_of(cut_off, PARIS, datetime.fromisoformat(now)).isoformat() == instant


def test_an_instant_without_offset_is_on_the_plants_clock() -> None:
    found = instant_of(datetime(2026, 11, 23, 5), PARIS, datetime.now(PARIS))
    assert found.isoformat() == "2026-11-23T05:00:00+01:00"


@pytest.mark.parametrize(
    ("text", "words"),
    [("16:00", "16:00|960"), ('"24:10"', "24:10"), ("tomorrow", "tomorrow"), ('"6"', '"6"')],
)
def test_what_is_no_cut_off_is_refused_in_words(
    written_shop: Path, tmp_path: Path, text: str, words: str
) -> None:
    config = (written_shop / "replan.yaml").read_text()
    path = tmp_path / "replan.yaml"
    path.write_text(config.replace("2026-11-23T05:00:00+01:00", text))
    with pytest.raises(InputError, match=rf'(?s)cut_off.*({words}).*in quotes, as "06:00"'):
        load_config(path)
