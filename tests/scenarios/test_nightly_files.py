"""The example of a nightly job is one that loads, and its words are those of the program."""

import re
import shutil
from pathlib import Path

from scenarios.cli import EXIT_CODES
from scenarios.night_metrics import FILE as METRICS
from scenarios.run_log import FILE as LOG
from scenarios.settings import load_config
from twin.secrets import SecretPlace

NIGHTLY = Path(__file__).parents[2] / "data" / "nightly"


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    shutil.copy(NIGHTLY / "replan.yaml", tmp_path)
    config = load_config(tmp_path / "replan.yaml", environ={"NORIA_ERP_PASSWORD": "hunter2"})
    assert config.order_source is not None
    assert config.order_source.name == "tryton"
    assert config.mes.store is not None
    assert config.cut_off == "04:30"
    assert config.archive == tmp_path / "runs"
    assert config.keyring.value(SecretPlace(env="NORIA_ERP_PASSWORD"), "erp") == "hunter2"
    assert "hunter2" not in repr(config)


def test_every_exit_code_is_explained_to_whoever_looks_after_the_job() -> None:
    table = re.findall(r"^\| (\d+) \|", (NIGHTLY / "README.md").read_text(), re.MULTILINE)
    codes = set(re.findall(r"(?:^|\s{2,})(\d+)  ", EXIT_CODES)) - {"1"}  # 1: please report it
    assert set(table) == codes
    assert len(codes) == 13


def test_the_files_named_are_those_that_are_written() -> None:
    assert f"runs/{LOG}" in (NIGHTLY / "noria-replan.logrotate").read_text()
    readme = (NIGHTLY / "README.md").read_text()
    assert LOG in readme
    assert METRICS in readme
    for path in NIGHTLY.iterdir():
        assert path.name == "README.md" or path.name in readme
