"""Verdicts of an inspection camera: from scores to pass, fail, and a person's judgement."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from pydantic import ValidationError

from tests.twin.ingest.test_drop_folder import running
from twin.ingest import vision
from twin.ingest.vision import VisionSource, parsed
from twin.secrets import Keyring
from twin.store.settings import StoreSettings
from twin.store.store import open_store


def source_of(**settings: Any) -> VisionSource:
    return VisionSource.model_validate(
        {
            "name": "camera",
            "folder": "results",
            "every_s": 0.05,
            "settled_s": 0.3,
            "fields": {"work_unit": {"value": "INSPECT-1"}, "lot": "serial"},
            "pass_above": 0.95,
            "fail_above": 0.8,
            **settings,
        }
    )


def result_of(number: int, **content: Any) -> dict[str, Any]:
    return {
        "image": f"{number:04}.jpg",
        "time": f"2026-11-23T05:00:{number % 60:02}Z",
        "serial": f"T{number}",
        "model_version": "net-4",
        **content,
    }


def verdict_of(source: VisionSource, **content: Any) -> Any:
    result = result_of(1, **content)
    return source.message(result, json.dumps(result), "x")


class TestVerdict:
    @pytest.mark.parametrize(
        ("label", "score", "verdict"),
        [
            ("good", 0.99, "pass"),
            ("good", 0.95, "pass"),
            ("good", 0.94, "unsure"),
            ("good", 0.0, "fail"),  # sure that it is not good
            ("Crack", 0.99, "fail"),
            ("Crack", 0.80, "fail"),
            ("Crack", 0.79, "unsure"),
            ("Crack", 0.05, "pass"),
        ],
    )
    def test_it_follows_the_score_of_the_class(
        self, label: str, score: float, verdict: str
    ) -> None:
        message = verdict_of(source_of(), **{"class": label}, score=score)
        if verdict == "unsure":
            assert 'to be judged by a person: image "0001.jpg"' in message.refused
        else:
            assert message.values["verdict"] == verdict
            assert message.values["event"] == "verdict"
            counts = (message.values["quantity"], message.values["scrap"])
            assert counts == ((1, 0) if verdict == "pass" else (0, 1))
            assert message.key == "0001.jpg"

    @pytest.mark.parametrize(
        ("found", "verdict", "reason"),
        [
            ([], "pass", ""),
            ([("spur", 0.04)], "pass", ""),
            ([("spur", 0.5)], "unsure", ""),
            ([("spur", 0.85), ("open", 0.99), ("spur", 0.9)], "fail", "open"),
            ([("open", 1.0), ("spur", 1.0), ("spur", 1.0)], "fail", "spur"),
            ([("good", 1.0)], "pass", ""),
        ],
    )
    def test_it_follows_the_surest_detection(
        self, found: list[tuple[str, float]], verdict: str, reason: str
    ) -> None:
        detections = [{"class": name, "score": score} for name, score in found]
        message = verdict_of(source_of(), detections=detections)
        assert bool(message.refused) == (verdict == "unsure")
        if not message.refused:
            assert (message.values["verdict"], message.values["reason"]) == (verdict, reason)

    def test_percent_and_the_plants_own_words(self) -> None:
        source = source_of(full_score=100, reasons={"Blowhole": "porosity"})
        message = verdict_of(source, **{"class": "Blowhole"}, score=93.5)
        assert message.values["reason"] == "porosity"
        unknown = verdict_of(source, **{"class": "Crack"}, score=93.5)
        assert 'class "Crack" is not among reasons' in unknown.refused

    def test_a_version_that_is_not_released_is_held(self) -> None:
        message = verdict_of(source_of(models=["net-3"]), **{"class": "good"}, score=1)
        assert message.refused == 'model "net-4" is not released here; released: net-3'

    @pytest.mark.parametrize(
        ("content", "match"),
        [
            ({"class": "good", "score": 93}, "score got 93; a number from 0 to 1 is expected"),
            ({"class": "good", "score": "0.9"}, "a number from 0 to 1"),
            ({"class": "good", "score": True}, "a number from 0 to 1"),
            ({"class": "good", "score": -0.1}, "a number from 0 to 1"),
            ({"class": "good"}, "score got null"),
            ({"score": 0.9}, "no class"),
            ({"class": "good", "score": 1, "image": " "}, "no image"),
            ({"detections": {"class": "good"}}, "no list of detections"),
            ({"detections": ["spur"]}, "no list of detections"),
        ],
    )
    def test_a_result_that_says_nothing_clear_is_held(
        self, content: dict[str, Any], match: str
    ) -> None:
        assert match in verdict_of(source_of(), **content).refused

    def test_thresholds_that_let_a_part_pass_and_fail_are_refused(self) -> None:
        with pytest.raises(ValidationError, match="could pass and fail"):
            source_of(pass_above=0.5, fail_above=0.5)
        with pytest.raises(ValidationError, match="take it out of fields"):
            source_of(fields={"quantity": "n"})


class TestFiles:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "results"
        folder.mkdir()
        return folder

    def test_one_result_a_file_a_list_and_lines(self, folder: Path) -> None:
        good = {"class": "good", "score": 1}
        (folder / "1.json").write_text(json.dumps(result_of(1, **good)))
        (folder / "2.json").write_text(json.dumps([result_of(2, **good), result_of(3, **good)]))
        lines = "".join(json.dumps(result_of(n, **good)) + "\n" for n in (4, 5))
        (folder / "day.jsonl").write_text(lines + '{"image": "half')
        with running(source_of(settled_s=60), folder.parent) as intake:
            intake.wait_for(lambda i: len(i.messages) == 5)
            assert not intake.refused
            assert intake.messages[-1].origin.startswith(("day.jsonl:", "2.json: result"))

    def test_half_a_file_waits_and_is_held_when_it_stays_so(self, folder: Path) -> None:
        text = json.dumps(result_of(1, **{"class": "good"}, score=1))
        (folder / "1.json").write_text(text[:20])
        (folder / "2.json").write_text(text[:20])
        with running(source_of(settled_s=0.6), folder.parent) as intake:
            intake.wait(0.2)
            assert not intake.messages
            (folder / "1.json").write_text(text)
            intake.wait_for(lambda i: len(i.messages) == 2)
        assert len(intake.values) == 1
        assert "2.json" in next(m.origin for m in intake.messages if m.refused)

    @pytest.mark.parametrize(
        "text",
        ["[1]", '"x"', "{}", '{"a": 1, "a": 2}', '{"score": NaN}', "nonsense", "[" * 100_000],
    )
    def test_lines_that_are_no_result_are_held_and_the_others_go_on(
        self, folder: Path, text: str
    ) -> None:
        good = json.dumps(result_of(2, **{"class": "good"}, score=1))
        (folder / "day.jsonl").write_text(f"{text}\n\n{good}\n")
        with running(source_of(), folder.parent) as intake:
            intake.wait_for(lambda i: len(i.messages) == 2)
        assert len(intake.refused) == 1
        assert intake.values[0]["image"] == "0002.jpg"


class TestPeople:
    def held(self, source: VisionSource, number: int = 1) -> tuple[str, str]:
        raw = json.dumps(result_of(number, **{"class": "Crack"}, score=0.6))
        assert source.message(parsed(raw), raw, "x").refused
        return raw, "x"

    def test_a_verdict_that_a_person_writes_is_taken_at_the_replay(self, tmp_path: Path) -> None:
        judged = tmp_path / "judged.csv"
        source = source_of(judged=judged)
        held = self.held(source)
        assert source.reread(*held)[0].refused  # the file is not there yet
        judged.write_text("image,verdict,reason\n0007.jpg,pass,\n0001.jpg,fail,scratch\n")
        values = source.reread(*held)[0].values
        assert (values["verdict"], values["reason"], values["scrap"]) == ("fail", "scratch", 1)
        judged.write_text("image,verdict\n0001.jpg,FAIL\n")
        assert source.reread(*held)[0].values["reason"] == "Crack"
        judged.write_text("image,verdict\n0001.jpg,pass\n")
        assert source.reread(*held)[0].values["quantity"] == 1

    @pytest.mark.parametrize(
        ("text", "match"),
        [
            ("image,verdict\n0001.jpg,pass\n0001.jpg,fail\n", "judged differently in lines 2, 3"),
            ("image,verdict\n0001.jpg,maybe\n", 'verdict "maybe"; pass or fail is expected'),
            ("image,verdict\n0002.jpg,pass\n", "to be judged by a person"),
        ],
    )
    def test_a_verdict_that_is_none_leaves_it_held(
        self, tmp_path: Path, text: str, match: str
    ) -> None:
        judged = tmp_path / "judged.csv"
        judged.write_text(text)
        source = source_of(judged=judged)
        assert match in source.reread(*self.held(source))[0].refused

    def test_a_file_that_is_none_is_named(self, tmp_path: Path) -> None:
        judged = tmp_path / "judged.csv"
        judged.write_text("picture;verdict\n")
        source = source_of(judged=judged)
        held = self.held(source)
        with pytest.raises(ValueError, match="columns image and verdict are expected"):
            source.reread(*held)


def noria(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "scenarios.cli", *words],
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 7), done.stdout + done.stderr
    return done.stdout + done.stderr


def log_of(folder: Path) -> pd.DataFrame:
    with open_store(StoreSettings(url="sqlite:///events.sqlite"), Keyring({}, folder)) as store:
        return store.log().table


def write_config(folder: Path, **settings: Any) -> str:
    source = {"kind": "vision", "name": "camera", "folder": "results", **settings}
    config = {"store": "sqlite:///events.sqlite", "sources": [source]}
    path = folder / "ingest.yaml"
    path.write_text(yaml.safe_dump(config))
    return str(path)


def test_from_the_file_to_the_store_and_by_a_person_out_of_quarantine(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    lines = [
        result_of(n, **{"class": "Crack"}, score=score)
        for n, score in enumerate([0.99, 0.6, 0.01, 0.5])
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "results" / "day.jsonl").write_text(text)
    fields = {"work_unit": {"value": "INSPECT-1"}, "lot": "serial"}
    config = write_config(tmp_path, fields=fields, judged="judged.csv")
    noria(tmp_path, "ingest", config, "--once")
    assert list(log_of(tmp_path)["verdict"]) == ["fail", "pass"]
    assert "0001.jpg" in noria(tmp_path, "held", config)
    (tmp_path / "judged.csv").write_text("image,verdict,reason\n0001.jpg,pass,\n")
    noria(tmp_path, "held", config, "--replay")
    log = log_of(tmp_path)
    assert list(log["verdict"]) == ["fail", "pass", "pass"]
    assert set(log["lot"]) == {"T0", "T1", "T2"}
    assert log["scrap"].sum() == 1
    rest = noria(tmp_path, "held", config)
    assert "0003.jpg" in rest
    assert "0001.jpg" not in rest


# --- labels of real images, as the results that a camera would give ---


@pytest.fixture
def images(shared_dir: Path) -> Path:
    folder = shared_dir / "datasets" / "vision"
    if not folder.is_dir():
        pytest.skip(f"no images: {folder} is not a folder")
    return folder


@pytest.mark.real_data
def test_the_labels_of_magnetic_tiles_become_verdicts_by_class(
    images: Path, tmp_path: Path
) -> None:
    index = pd.read_csv(images / "magnetic-tile" / "index.csv", dtype={"tile_group": str})
    (tmp_path / "results").mkdir()
    for n, tile in enumerate(index.itertuples()):
        result = {
            "image": tile.file,
            "time": (pd.Timestamp("2026-11-23T05:00Z") + pd.Timedelta(seconds=n)).isoformat(),
            "class": tile[2],
            "score": 1.0,
            "tile": tile.tile_group,
        }
        (tmp_path / "results" / f"{Path(str(tile.file)).stem}.json").write_text(json.dumps(result))
    fields = {"work_unit": {"value": "INSPECT-1"}, "lot": "image", "material": "tile"}
    noria(tmp_path, "ingest", write_config(tmp_path, fields=fields, good=["Free"]), "--once")
    log = log_of(tmp_path)
    published = Counter(index["class"])
    assert len(log) == len(index) == 672
    assert (log["verdict"] == "pass").sum() == published.pop("Free") == 476
    assert Counter(log.loc[log["verdict"] == "fail", "reason"]) == published
    assert set(log["material"]) == set(index["tile_group"])


@pytest.mark.real_data
def test_the_boxes_of_circuit_boards_become_verdicts_by_their_surest_class(
    images: Path, tmp_path: Path
) -> None:
    boxes = pd.read_csv(images / "deep-pcb" / "defects.csv")
    pairs = dict(list(boxes.groupby("pair")))
    lines = []
    for n, (pair, found) in enumerate(pairs.items()):
        for kind, defects in (("temp", []), ("test", list(found["type"]))):
            instant = pd.Timestamp("2026-11-23T05:00Z") + pd.Timedelta(minutes=n)
            detections = [{"class": name, "score": 1.0} for name in defects]
            image = f"{int(str(pair)):03}_{kind}.png"
            result = {"image": image, "time": instant.isoformat(), "detections": detections}
            lines.append(json.dumps({**result, "board": found["board_group"].iloc[0]}))
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "boards.jsonl").write_text("\n".join(lines) + "\n")
    fields = {"work_unit": {"value": "AOI-1"}, "lot": "image", "material": "board"}
    noria(tmp_path, "ingest", write_config(tmp_path, fields=fields), "--once")
    log = log_of(tmp_path)
    counts = boxes.groupby(["pair", "type"]).size().reset_index(name="n")
    surest = counts.sort_values(["n", "type"], ascending=[False, True]).groupby("pair").first()
    assert (log["verdict"] == "pass").sum() == len(pairs)
    fails = log[log["verdict"] == "fail"]
    assert Counter(fails["reason"]) == Counter(surest["type"])
    assert fails["scrap"].sum() == len(pairs)


def test_the_example_in_the_documentation_is_read() -> None:
    text = (vision.__doc__ or "").split("::\n\n")[1].split("\n\n")[0]
    assert VisionSource.model_validate(yaml.safe_load(text)[0])
