"""The command line: quick, documented, and plain about a user's mistakes."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from scenarios.cli import main, parser
from scenarios.live_cli import MODULES

COMMANDS = {
    "demo", "discover", "diagnose", "calibrate", "backtest", "simulate", "optimize", "check",
    "replan", "report", "dashboard", "front", "why",
    "ingest", "held", "store", "watch", "erp", "rollback",
}  # fmt: skip


def subparsers() -> dict:
    return next(a.choices for a in parser()._actions if hasattr(a, "choices") and a.choices)


def test_every_command_exists_has_help_and_speaks_json() -> None:
    assert set(subparsers()) == COMMANDS
    for name, sub in subparsers().items():
        module = import_module(MODULES.get(name, "scenarios.commands"))
        assert callable(getattr(module, name))
        assert sub.description
        assert "--json" in sub.format_help()
        assert "exit codes:" in sub.format_help()


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, scenarios.cli; scenarios.cli.parser().format_help();"
        "print(sorted({'numpy', 'pandas', 'pyomo', 'dash', 'plotly', 'pydantic', 'rich', 'simpy',"
        " 'networkx', 'highspy', 'scipy', 'yaml'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replan", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["diagnose", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["check", "nowhere"], "nowhere: case.json"),
        (["report", "nowhere"], "no archived run"),
        (["dashboard", "nowhere"], "no archived run"),
        (["discover", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_a_wrong_path_is_one_line_and_no_traceback(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--quiet"]) in (1, 2)
    out, err = capsys.readouterr()
    assert words in err
    assert out == ""
    assert "Traceback" not in err
    assert err.count("\n") == 1


def test_five_faults_of_a_configuration_come_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "replan.yaml"
    path.write_text(
        "plnt: a.yaml\nmes: {path: log.csv, format: xml}\ncut_off: yesterday\nhorizon_days: 0\n"
        "carbon: {path: c.csv}\nreplications: many\n"
    )
    assert main(["replan", str(path), "--quiet"]) == 2
    err = capsys.readouterr().err
    for words in (
        'unknown key "plnt"; did you mean "plant"?', "mes.format", "cut_off: got 'yesterday'",
        "horizon_days: got 0", "carbon.value_column: missing", "replications: got 'many'",
    ):  # fmt: skip
        assert words in err


def test_a_wrong_count_is_refused_by_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["demo", "--replications", "one"])
    assert stop.value.code == 2
    assert "whole number of at least 2" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_the_users_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "demo"
    assert main(["demo", "--data-only", "--quiet", "--folder", str(config)]) == 0
    (tmp_path / "file").write_text("in the way")
    page = str(tmp_path / "file" / "page.html")
    assert main(["diagnose", "--quiet", str(config / "replan.yaml"), "--html", page]) == 2
    assert "check the path" in capsys.readouterr().err
