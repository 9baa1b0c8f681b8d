"""``noria erp``: what an ERP holds, what cannot be planned, and what publishing would write."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from scenarios.archive import save_run
from scenarios.cli import main
from tests.archives import small_run
from tests.services.tryton_plant import CENTERS, add_productions, press
from tests.services.trytond import PASSWORD, Erp, running_erp
from tests.twin.erp.pins import pin_plant, plan_of
from twin.errors import InputError
from twin.model.plant import load_plant


@pytest.fixture(scope="module")
def erp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erp]:
    """The pin factory with a few orders, one of them without a date."""
    with running_erp(tmp_path_factory.mktemp("trytond")) as found:
        with found.session() as admin:
            made = add_productions(admin, ["WO-1", "WO-2", "WO-3"])
            add_productions(admin, ["WO-4"], planned_date=None, planned_start_date=None)
            press(admin, "wait", made["WO-3"])
        yield found


@pytest.fixture
def config(erp: Erp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in erp.environ.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "night.yaml"
    path.write_text(yaml.safe_dump({"erp": erp.settings, "seed": 7}), encoding="utf-8")
    return path


def edit(config: Path, **changes: Any) -> None:
    content = yaml.safe_load(config.read_text(encoding="utf-8"))
    content["erp"].update(changes)
    config.write_text(yaml.safe_dump(content), encoding="utf-8")


@pytest.mark.servers
def test_it_says_what_is_there(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["erp", str(config)]) == 0
    text = capsys.readouterr().out
    for line in (
        "2 products are made, 1 routings, 5 work centres",
        "  routing Pins: Pressing > Hardening > Packing",
        "  Pressing: PRESS-1, PRESS-2",
        "no cycle was ever recorded",
        "production orders: 3 draft, 1 waiting",
        "3 can be planned for plant Pins of Rabat",
        "  cannot: production [WO-4]: has no planned date; enter one",
    ):
        assert line in text
    assert PASSWORD not in text


@pytest.mark.servers
def test_its_json_has_everything(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["erp", str(config), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["orders"] == ["WO-1", "WO-2", "WO-3"]
    assert values["productions"] == {"draft": 3, "waiting": 1}
    assert values["routings"] == {"Pins": list(CENTERS)}
    assert len(values["cannot_be_planned"]) == 2


@pytest.mark.servers
def test_it_writes_orders_and_a_plant_to_be_completed(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["erp", str(config), "-o", str(out), "--quiet"]) == 0
    with pytest.raises(InputError, match=r"timezone") as refused:
        load_plant(out / "plant.yaml")
    assert "work_units.0.processing.0.time.*" in str(refused.value)

    text = (out / "plant.yaml").read_text(encoding="utf-8")
    filled = text.replace("timezone: null", "timezone: Africa/Casablanca").replace("null", "1.0")
    (out / "plant.yaml").write_text(filled, encoding="utf-8")
    plant = load_plant(out / "plant.yaml")
    assert [unit.id for unit in plant.work_units] == [u for us in CENTERS.values() for u in us]
    assert plant.route_of(plant.product("PIN-10")) == list(CENTERS)
    with (out / "orders.csv").open(encoding="utf-8") as file:
        assert [row["order"] for row in csv.DictReader(file)] == ["WO-1", "WO-2", "WO-3"]
    with (out / "bom.csv").open(encoding="utf-8") as file:
        assert [row["material"] for row in csv.DictReader(file)] == ["STEEL", "STEEL"]


@pytest.mark.servers
def test_it_judges_orders_by_the_plant_where_there_is_one(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant = pin_plant().model_dump(mode="json", exclude_defaults=True)
    plant["products"] = plant["products"][:1]
    plant["work_units"][0]["id"] = "PRES-1"
    (tmp_path / "plant.yaml").write_text(yaml.safe_dump(plant), encoding="utf-8")
    content = yaml.safe_load(config.read_text(encoding="utf-8"))
    config.write_text(yaml.safe_dump({**content, "plant": "plant.yaml"}), encoding="utf-8")
    assert main(["erp", str(config)]) == 0
    text = capsys.readouterr().out
    assert "2 can be planned for plant pins" in text
    unknown = "work unit PRES-1 of the plant is none of the ERP's"
    assert f'differs: {unknown}; did you mean "PRESS-1"?' in text
    assert "differs: work centre PRESS-1 is no work unit of the plant" in text
    assert 'production [WO-2]: product "PIN-20" is not made by plant pins' in text


@pytest.mark.servers
def test_a_comparison_writes_nothing(
    config: Path, erp: Erp, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_of(["WO-1", "WO-2", "WO-3"], dict.fromkeys(["WO-1", "WO-2", "WO-3"], 8))
    small = small_run(tmp_path / "small")
    case = replace(small.case, plant=plan.plant, orders=plan.orders)
    save_run(tmp_path / "runs", replace(small, id="pins", case=case, schedule=plan.schedule))
    assert main(["erp", str(config), "--compare", str(tmp_path / "runs" / "pins")]) == 0
    text = capsys.readouterr().out
    assert "run pins into tryton: would write 2 orders, 0 hold it already" in text
    assert "left alone: WO-3: waiting in Tryton" in text
    with erp.session() as admin:
        rows = admin.all("production", [["reference", "=", "WO-1"]], ["planned_date"])
    assert rows[0]["planned_date"] != plan.schedule.horizon.local(8 * 1440).date()
    assert not (tmp_path / "runs" / "ledger.sqlite").exists()


@pytest.mark.servers
@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"user": "nobody"}, 9, "the login of user nobody"),
        ({"database": "elsewhere"}, 9, "no database elsewhere"),
        ({"company": "Pins of Fes"}, 2, 'no company "Pins of Fes"'),
        ({"password": {"env": "NORIA_NOT_SET"}}, 2, "NORIA_NOT_SET is not set"),
        ({"passwort": "x"}, 2, 'unknown key "passwort"'),
        ({"kind": "trytn"}, 2, "erp"),
    ],
)
def test_a_wrong_setting_has_its_exit_code(
    config: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], code: int, words: str
) -> None:
    edit(config, **changes)
    assert main(["erp", str(config)]) == code
    said = capsys.readouterr()
    assert words in said.err
    assert PASSWORD not in said.err + said.out


def test_a_configuration_without_an_erp_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "night.yaml"
    for text in ("seed: 3\n", "erp: []\n"):
        config.write_text(text, encoding="utf-8")
        assert main(["erp", str(config)]) == 2
        assert "night.yaml: erp: " in capsys.readouterr().err


def test_a_folder_holds_no_orders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "night.yaml"
    config.write_text("erp: {kind: drop, folder: drop}\n", encoding="utf-8")
    assert main(["erp", str(config)]) == 2
    assert "drop only takes plans" in capsys.readouterr().err
    assert main(["erp", str(config), "--name", "dorp"]) == 2
    assert 'no erp "dorp"; did you mean "drop"?' in capsys.readouterr().err
