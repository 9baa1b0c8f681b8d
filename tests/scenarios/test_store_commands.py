"""``noria store``: every action, what it says, and what it refuses."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from scenarios.cli import main
from scenarios.store_oee import OPEN_STATES, Window, unit_day_indicators
from tests.services.postgres import PASSWORD_VARIABLE, Database
from twin.accounting.kpi import work_unit_kpis
from twin.connectors.mes_files import read_log
from twin.model.compiled import compile_plant
from twin.model.horizon import Horizon
from twin.model.plant import load_plant
from twin.secrets import Keyring
from twin.store.imports import import_log
from twin.store.settings import StoreSettings
from twin.store.store import EventStore, open_store

URL = "sqlite:///events.sqlite"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def filled(folder: Path, written_shop: Path) -> EventStore:
    """The small shop's log in a store of the current folder."""
    store = open_store(StoreSettings(url=URL), Keyring({}, folder))
    import_log(store, "import", read_log(written_shop / "mes_log.csv"))
    return store


def answer(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, object]:
    capsys.readouterr()
    assert main(["store", *map(str, words), "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def refusal(capsys: pytest.CaptureFixture[str], code: int, *words: object) -> str:
    capsys.readouterr()
    assert main(["store", *map(str, words), "--quiet"]) == code
    found = capsys.readouterr()
    assert found.out == ""
    return found.err


def test_indicators_are_those_of_the_log(filled: EventStore, written_shop: Path) -> None:
    """Counted by the database, unit and day by day, and added up: the same as from the log."""
    plant = load_plant(written_shop / "plant.yaml")
    log = read_log(written_shop / "mes_log.csv")
    start = log.table["time"].min().floor("D").to_pydatetime()
    end = start + timedelta(days=13)
    expected = work_unit_kpis(log, compile_plant(plant, Horizon(start, 13 * 1440, plant.timezone)))
    zone = ZoneInfo(plant.timezone)
    counted = filled.unit_days(start, end, zone)
    stays = filled.stays(start, end, OPEN_STATES)
    found = unit_day_indicators(counted, stays, Window(start, end, zone), plant)
    assert set(found.by_unit) == set(expected)
    for unit, one in found.by_unit.items():
        other = expected[unit]
        for name in ("production", "planned_busy", "setup", "delay", "down"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-3), (unit, name)
        for name in ("availability", "effectiveness", "quality_ratio", "oee"):
            assert getattr(one, name) == pytest.approx(getattr(other, name)), (unit, name)
    days = [one for (unit, _), one in found.by_day.items() if unit == next(iter(expected))]
    assert len(days) == 14  # the window begins at midnight UTC, an hour into the local day
    assert found.notes == ()


def test_a_unit_that_the_plant_does_not_have_is_named(
    filled: EventStore, written_shop: Path
) -> None:
    plant = load_plant(written_shop / "plant.yaml")
    fewer = plant.model_copy(update={"work_units": plant.work_units[1:]})
    gone = plant.work_units[0].id
    end = datetime(2026, 11, 20, tzinfo=UTC)
    window = Window(end - timedelta(days=1), end, ZoneInfo("UTC"))
    counted = filled.unit_days(window.start, window.end, window.zone)
    found = unit_day_indicators(
        counted, filled.stays(window.start, end, OPEN_STATES), window, fewer
    )
    assert gone not in found.by_unit
    assert found.notes == (f"{gone} is not in the plant description: left out",)


def flat(units: object) -> dict[str, float]:
    """Every figure of every unit."""
    assert isinstance(units, dict)
    return {f"{u} {name}": value for u, one in units.items() for name, value in one.items()}


def test_import_status_and_oee(
    folder: Path, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = answer(capsys, URL, "import", shop / "mes_log.csv")
    again = answer(capsys, URL, "import", shop / "mes_log.csv")
    assert first["held"] == 0
    assert again == {"stored": 0, "duplicates": first["stored"], "held": 0}
    assert answer(capsys, URL, "status")["events"] == first["stored"]
    plain = answer(capsys, URL, "oee", "--plant", shop / "plant.yaml")
    quick = answer(capsys, URL, "oee", "--plant", shop / "plant.yaml", "--extract", "x")
    assert flat(plain["work_units"]) == pytest.approx(flat(quick["work_units"]))
    assert main(["store", URL, "oee"]) == 0
    text = capsys.readouterr().out
    assert "effectiveness and OEE need the plant's cycle times" in text


def test_the_store_of_a_nightly_job_is_found(
    filled: EventStore, shop: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``noria store replan.yaml`` is about the store that the job reads."""
    nightly = (shop / "replan.yaml").read_text(encoding="utf-8")
    of_store = nightly.replace(
        "{path: mes_log.csv}", f"{{store: sqlite:///{folder}/events.sqlite}}"
    )
    (folder / "live.yaml").write_text(of_store, encoding="utf-8")
    assert answer(capsys, "live.yaml", "status")["events"] == filled.status().events
    assert "mes is a file" in refusal(capsys, 2, shop / "replan.yaml", "status")


def test_export_and_retain(
    filled: EventStore, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = filled.status().events
    done = answer(
        capsys, URL, "export", "out", "--from", "2026-11-15", "--to", "2026-11-16T12:00+01:00"
    )
    assert 0 < int(str(done["events"])) < events
    kept = answer(capsys, URL, "retain", "old", "--before", "2026-11-16")
    assert kept["exported"] == kept["deleted"] == events - filled.status().events
    assert kept["kept_from"] == "2026-11-16 00:00:00+00:00"
    for path in sorted((folder / "old").iterdir()):
        other = answer(capsys, "sqlite:///other.sqlite", "import", path)
    assert other["held"] == 0
    capsys.readouterr()
    for path in sorted((folder / "old").iterdir()):
        assert main(["store", URL, "import", str(path)]) == 7
    assert "held; see noria held" in capsys.readouterr().out


def test_a_configuration_names_the_store_and_the_plant(
    folder: Path, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "ingest.yaml").write_text(
        "store: sqlite:///events.sqlite\n"
        "plant: plant.yaml\n"
        "sources:\n- {kind: drop_folder, name: mes, folder: drop}\n"
    )
    answer(capsys, shop / "ingest.yaml", "import", shop / "mes_log.csv")
    assert (shop / "events.sqlite").exists()
    units = answer(capsys, shop / "ingest.yaml", "oee")["work_units"]
    assert isinstance(units, dict)
    assert all(0 < unit["oee"] < 1.5 for unit in units.values())


@pytest.mark.servers
def test_postgresql_by_url_and_by_configuration(
    folder: Path, shop: Path, postgres: Database, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (shop / "ingest.yaml").write_text(
        json.dumps(
            {"store": postgres.settings,
             "sources": [{"kind": "drop_folder", "name": "mes", "folder": "drop"}]}
        )
    )  # fmt: skip
    said = refusal(capsys, 2, shop / "ingest.yaml", "status")
    assert PASSWORD_VARIABLE in said
    monkeypatch.setenv(PASSWORD_VARIABLE, postgres.password)
    answer(capsys, shop / "ingest.yaml", "import", shop / "mes_log.csv")
    status = answer(capsys, shop / "ingest.yaml", "status")
    assert status["url"] == postgres.url
    monkeypatch.setenv(PASSWORD_VARIABLE, "wr0ng-geheim")
    said = refusal(capsys, 2, shop / "ingest.yaml", "status")
    assert "password authentication failed" in said
    assert "wr0ng-geheim" not in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((URL, "status"), "no event store yet"),
        ((URL, "export"), "needs FOLDER"),
        ((URL, "import"), "needs FILE"),
        ((URL, "status", "x"), "takes no path"),
        ((URL, "retain", "x"), "give either --before or --keep-days"),
        ((URL, "retain", "x", "--before", "2026-01-01", "--keep-days", "3"), "give either"),
        ((URL, "status", "--plant", "plant.yaml"), "takes no --plant"),
        ((URL, "oee", "--timezone", "Africa/Casablanka"), "did you mean"),
        ((URL, "export", "x", "--from", "yesterday"), "a date or time such as"),
        (("postgresql://u:geheim@h/d", "status"), "password does not stand in an address"),
        (("mysql://h/d", "status"), "write sqlite:///"),
        (("none.yaml", "status"), "no such file"),
    ],
)
def test_what_cannot_be_done_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    if words[0] == URL and said != "no event store yet":
        open_store(StoreSettings(url=URL), Keyring({}, folder)).close()
    told = refusal(capsys, 2, *words)
    assert said in told
    assert "geheim" not in told
    assert not (folder / "x").exists()


def test_a_server_that_is_away_has_its_own_exit_code(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "cannot be reached" in refusal(capsys, 12, "postgresql://u@127.0.0.1:1/d", "status")


def test_oee_of_an_empty_store_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_store(StoreSettings(url=URL), Keyring({}, folder)).close()
    assert "no events in it" in refusal(capsys, 2, URL, "oee")


def test_a_window_after_the_last_event_is_refused(
    filled: EventStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "the last event is of" in refusal(capsys, 2, URL, "oee", "--from", "2027-01-01")
