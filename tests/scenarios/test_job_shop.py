"""The nightly job on a real log of which nothing is known but the log itself."""

from pathlib import Path

import pytest

from scenarios.archive import load_run
from scenarios.cli import main
from scenarios.inputs import read_inputs
from scenarios.replan import replan
from scenarios.settings import ReplanConfig, load_config
from twin.accounting.check import check
from twin.calibration.diagnosis import diagnose

CONFIG = Path(__file__).parents[2] / "scenarios" / "library" / "job_shop.yaml"

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def datasets(shared_dir: Path) -> Path:
    folder = shared_dir / "datasets"
    for needed in ("job-shop-log", "energy"):
        if not (folder / needed).is_dir():
            pytest.skip(f"no {needed} in {folder}")
    return folder


@pytest.fixture(scope="module")
def config(datasets: Path, tmp_path_factory: pytest.TempPathFactory) -> ReplanConfig:
    found = load_config(CONFIG, data=datasets, out=tmp_path_factory.mktemp("job_shop"))
    return found.model_copy(update={"replications": 4, "time_limit_s": 12.0})


def test_the_whole_chain_ends_with_a_plan_that_passes_check(config: ReplanConfig) -> None:
    done = replan(config)
    run = load_run(done.run.folder)
    case = run.case
    assert check(run.schedule, case.plant, case.orders, case.forecast, case.state).faults == ()
    planned = {s.order for s in run.schedule.segments} - {""}
    assert planned | set(run.schedule.unplaced) == {order.id for order in case.orders}
    assert len(case.orders) > 40
    assert (config.publish / "plan.csv").exists()


def test_the_quirks_of_the_log_are_reported(config: ReplanConfig) -> None:
    inputs = read_inputs(config)
    found = diagnose(inputs.log, inputs.plant, inputs.cut_off)
    overlaps = [f.text for f in found.findings if "before the one before them" in f.text]
    assert len(overlaps) == 1
    assert found.readiness["energy"].verdict == "none"
    assert found.readiness["setups"].verdict == "none"
    assert any("power is assumed" in note for note in inputs.notes)


def test_nothing_after_the_cut_off_is_looked_at(config: ReplanConfig, tmp_path: Path) -> None:
    """Later reports left out, and running ones ended at another time: the same conclusions."""
    whole = read_inputs(config)
    head, *rows = config.mes.path.read_text().splitlines()
    cells = [row.split(",") for row in rows]
    known = [c for c in cells if c[3] < "2012-02-16 00:00:00"]
    for c in known:
        if c[4] > "2012-02-16 00:00:00":
            c[4:8] = ["2012-02-27 12:34:00", "1", "2", "3"]
    before = [head, *(",".join(c) for c in known)]
    assert len(before) < len(rows)
    cut = tmp_path / "cut.csv"
    cut.write_text("\n".join(before) + "\n")
    mes = config.mes.model_copy(update={"path": cut})
    short = read_inputs(config.model_copy(update={"mes": mes}))
    assert short.plant == whole.plant
    assert short.orders == whole.orders
    assert short.order_states == whole.order_states


def test_discover_writes_a_plant_that_can_be_read(
    datasets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from twin.model.plant import load_plant

    log = datasets / "job-shop-log" / "production_jan_feb_2012.csv"
    out = tmp_path / "plant.yaml"
    assert main(["discover", str(log), "--until", "2012-02-16", "-o", str(out), "--quiet"]) == 0
    assert f"{len(load_plant(out).work_units)} work units" in capsys.readouterr().out
