"""Verdicts of an inspection camera: one result for each image, as JSON files or lines of JSON.

::

    - kind: vision
      name: camera-3
      folder: results                       # *.json: a result or a list; *.jsonl: one a line
      fields: {time: taken_at, work_unit: {value: INSPECT-1}, order: job, lot: serial}
      image: image_id
      label: class                          # of the whole image, with its score
      detections: boxes                     # or each defect found, with label and score
      good: [good]
      pass_above: 0.95
      fail_above: 0.80
      models: [tile-net-4.2]
      judged: judged.csv

How sure the model is that there is a defect, d in [0, 1], is the highest score of a detection (0
without any), or the score of the image's class: d of a defect, 1 − d of a good one. The verdict is
*fail* where d reaches ``fail_above``, *pass* where 1 − d reaches ``pass_above``. Between them a
person has to judge: the result is held, with the image's name.

The person writes a line ``image,verdict,reason`` into the file ``judged`` (columns so named, a
verdict is pass or fail); ``noria held --replay`` then takes it, the model's class being the reason
where a fail names none.

Each image counts one piece: quantity 1 or scrap 1. The reason of a fail is the class of the
highest score (among equals the one found most often). An event has no place for the version of the
model, and a new one is a change of the process: with ``models`` a result of a version that is not
released there is held. An image is told once: another result for it later is held as well.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import Field, model_validator

from twin.ingest.folder_walk import Blocked, FolderSettings, Part, Patterns, Unfinished, Walk
from twin.ingest.following import Found, Place, open_file, read_on, shown
from twin.ingest.mapping import as_text
from twin.ingest.signature import Intake, Message
from twin.secrets import Keyring

LARGEST = 16 << 20
"""Largest JSON file [bytes]."""
Verdict = Literal["pass", "fail"]
_MADE = ("event", "verdict", "quantity", "scrap", "reason")
"""Columns that the source fills in itself."""


class VisionSource(FolderSettings):
    """A folder of inspection results."""

    kind: Literal["vision"] = "vision"
    pattern: Patterns = Field(default_factory=lambda: ["*.json", "*.jsonl"])
    """Which files are read; names ending in .jsonl hold one result a line."""
    image: str = "image"
    """Field with the name of the image, which makes the result unique."""
    label: str = "class"
    """Field with the class, of the image and of each detection."""
    score: str = "score"
    """Field with the score of that class."""
    full_score: float = Field(default=1.0, gt=0)
    """The score that means certain: 1, or 100 where the camera tells percent."""
    detections: str = "detections"
    """Field with the list of defects found; where a result has it, it decides."""
    good: list[str] = Field(default_factory=lambda: ["good", "ok", "pass"])
    """Classes that are no defect."""
    reasons: dict[str, str] = Field(default_factory=dict)
    """What the plant calls each class of defect. With it, another class is held by its name."""
    pass_above: float = Field(default=0.9, gt=0, le=1)
    """How sure the model has to be that a part is good."""
    fail_above: float = Field(default=0.9, gt=0, le=1)
    """How sure it has to be that there is a defect."""
    model: str = "model_version"
    """Field with the version of the model."""
    models: list[str] = Field(default_factory=list)
    """Versions released for this inspection; default: any."""
    judged: Path | None = None
    """CSV file with the verdicts of people: columns image, verdict, reason."""

    @model_validator(mode="after")
    def _thresholds_leave_no_doubt(self) -> Self:
        if self.pass_above + self.fail_above <= 1:
            raise ValueError("pass_above + fail_above is 1 or less: a part could pass and fail")
        made = sorted({*self.fields} & {*_MADE})
        if made:
            raise ValueError(f"the camera's result gives {', '.join(made)}; take it out of fields")
        return self

    def run(self, intake: Intake, keyring: Keyring) -> None:
        """Read what is there and what comes, until the supervisor stops."""

        def read(found: Found, place: Place) -> Iterator[Part]:
            is_lines = found.name.lower().endswith(".jsonl")
            return self._lines(found, place) if is_lines else self._whole(found)

        Walk.of(self, self.pattern, read, intake, keyring).run()

    def reread(self, raw: str, origin: str) -> Sequence[Message]:
        """A held result again, with what people have judged since.

        Raises
        ------
        ValueError
            When it is no result at all.
        """
        message = self.message(parsed(raw), raw, origin)
        if not message.refused:
            return [message]
        verdicts = _verdicts_of_people(self.judged) if self.judged else {}
        found = verdicts.get(str(parsed(raw).get(self.image, "")).strip())
        return [self._judged(parsed(raw), raw, origin, found)] if found else [message]

    # --- reading files ---

    def _lines(self, found: Found, place: Place) -> Iterator[Part]:
        while True:
            piece = read_on(found.path, place)
            place = piece.place
            numbered = enumerate(piece.lines, piece.first_line)
            messages = [
                self._read(line, f"{shown(found.name)}:{n}") for n, line in numbered if line.strip()
            ]
            yield Part(messages, place)
            if not piece.has_more:
                break
        if piece.rest:
            why = "the last line has no end and may be cut off; end it, or write the file again"
            raise Unfinished(why, line=place.line + 1, place=place)

    def _read(self, line: bytes, origin: str) -> Message:
        raw = line.decode("utf-8", "backslashreplace").strip()
        try:
            return self.message(parsed(raw), raw, origin)
        except ValueError as error:
            return Message({}, raw, origin, refused=str(error))

    def _whole(self, found: Found) -> Iterator[Part]:
        if found.size > LARGEST:
            raise Blocked(f"the file has more than {LARGEST >> 20} MiB; write lines (.jsonl)")
        with open_file(found.path) as file:
            content = file.read(LARGEST + 1)
        text = content.decode("utf-8", "backslashreplace")
        try:
            whole = _parsed(text)
        except ValueError as error:
            raise Unfinished(f"not whole JSON: {error}; write the file again", text) from None
        messages = []
        for n, result in enumerate(whole if isinstance(whole, list) else [whole], 1):
            origin = shown(found.name) + (f": result {n}" if isinstance(whole, list) else "")
            raw = json.dumps(result, ensure_ascii=False)
            try:
                messages.append(self.message(_as_result(result), raw, origin))
            except ValueError as error:
                messages.append(Message({}, raw, origin, refused=str(error)))
        yield Part(messages, Place(len(content), 0, "", found.size, found.changed))

    # --- from a result to a verdict ---

    def message(self, result: Mapping[str, Any], raw: str, origin: str) -> Message:
        """The verdict on one image, or why there is none."""
        try:
            image = self._image(result)
            finding = self._finding(result)
            self._check_model(result)
        except ValueError as error:
            return Message(result, raw, origin, refused=str(error))
        if finding.defect >= self.fail_above:
            verdict: Verdict = "fail"
        elif round(1 - finding.defect, 9) >= self.pass_above:
            verdict = "pass"
        else:
            sure = f"sure of {finding.name}: {finding.defect:.2f}" if finding.name else "not sure"
            needed = f"a fail needs {self.fail_above:g}, a pass {1 - self.pass_above:g} or less"
            why = f'to be judged by a person: image "{shown(image)}", {sure}; {needed}'
            return Message(result, raw, origin, refused=why)
        return self._verdict(result, raw, origin, verdict, finding.name)

    def _verdict(
        self, result: Mapping[str, Any], raw: str, origin: str, verdict: Verdict, reason: str
    ) -> Message:
        is_fail = verdict == "fail"
        made = {
            "event": "verdict",
            "verdict": verdict,
            "quantity": 0 if is_fail else 1,
            "scrap": 1 if is_fail else 0,
            "reason": reason if is_fail else "",
        }
        key = "" if self.key else self._image(result)
        return Message({**result, **made}, raw, origin, key)

    def _judged(
        self, result: Mapping[str, Any], raw: str, origin: str, lines: Sequence[Judged]
    ) -> Message:
        """The verdict of a person on a result that was held."""
        said = {(line.verdict, line.reason) for line in lines}
        if len(said) > 1:
            numbers = ", ".join(str(line.number) for line in lines)
            why = f"judged differently in lines {numbers} of {self.judged}; keep one"
            return Message(result, raw, origin, refused=why)
        verdict, reason = said.pop()
        where = f"{self.judged}: line {lines[0].number}"
        try:
            self._check_model(result)
            if verdict not in get_args(Verdict):
                raise ValueError(f'{where} has verdict "{verdict}"; pass or fail is expected')
            reason = reason or self._finding(result).name
            if verdict == "fail" and not reason:
                raise ValueError(f"{where} is a fail without a reason; add it")
        except ValueError as error:
            return Message(result, raw, origin, refused=str(error))
        return self._verdict(result, raw, origin, "fail" if verdict == "fail" else "pass", reason)

    def _image(self, result: Mapping[str, Any]) -> str:
        image = result.get(self.image)
        if not isinstance(image, str | int) or isinstance(image, bool) or not str(image).strip():
            raise ValueError(f"no image: field {self.image} names the image of a result")
        return str(image).strip()

    def _check_model(self, result: Mapping[str, Any]) -> None:
        version = as_text(result.get(self.model, ""))
        if self.models and version not in self.models:
            released = ", ".join(self.models)
            raise ValueError(f'model "{version}" is not released here; released: {released}')

    def _finding(self, result: Mapping[str, Any]) -> Finding:
        """How sure the model is of a defect, and which."""
        found = result.get(self.detections)
        if found is None:
            name, score = self._labelled(result)
            if name in self.good:
                return Finding(round(1 - score, 9), "")
            return Finding(score, self._name(name))
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise ValueError(f"{self.detections} is no list of detections")
        scored = [self._labelled(each) for each in found]
        defects = [(name, score) for name, score in scored if name not in self.good]
        if not defects:
            return Finding(0.0, "")
        highest = max(score for _, score in defects)
        counts = Counter(name for name, score in defects if score == highest)
        name = min(counts, key=lambda each: (-counts[each], each))
        return Finding(highest, self._name(name))

    def _labelled(self, result: Mapping[str, Any]) -> tuple[str, float]:
        name, score = result.get(self.label), result.get(self.score)
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"no class: field {self.label} names the class of an image or defect")
        is_number = isinstance(score, int | float) and not isinstance(score, bool)
        if not is_number or not 0 <= float(score or 0) <= self.full_score:
            expected = f"a number from 0 to {self.full_score:g} is expected"
            raise ValueError(f"{self.score} got {json.dumps(score)[:40]}; {expected}")
        return name.strip(), float(score or 0) / self.full_score

    def _name(self, label: str) -> str:
        if self.reasons and label not in self.reasons:
            raise ValueError(f'class "{label}" is not among reasons; add it, or put it under good')
        return self.reasons.get(label, label)


@dataclass(frozen=True, slots=True)
class Finding:
    """What the model says of an image."""

    defect: float
    """How sure it is that there is a defect, in [0, 1]."""
    name: str
    """The reason that the plant gives such a defect; empty without one."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One line of the file with the verdicts of people."""

    number: int
    verdict: str
    reason: str


def parsed(text: str) -> dict[str, Any]:
    """One result; a ValueError where the text is none."""
    return _as_result(_parsed(text))


def _as_result(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise ValueError("not a JSON object; a result with named fields is expected")
    return found


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number, object_pairs_hook=_without_doubles)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field appears twice")
    return found


def _verdicts_of_people(path: Path) -> dict[str, list[Judged]]:
    """What people have judged, by the name of the image.

    Raises
    ------
    ValueError
        When the file cannot be read or lacks a column; a file not there yet is an empty one.
    """
    if not path.exists():
        return {}
    verdicts: dict[str, list[Judged]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {"image", "verdict"} <= {*(rows.fieldnames or ())}:
                raise ValueError(f"{path}: columns image and verdict are expected, reason may be")
            for row in rows:
                text = {name: (row.get(name) or "").strip() for name in ("verdict", "reason")}
                line = Judged(rows.line_num, text["verdict"].lower(), text["reason"])
                verdicts.setdefault((row["image"] or "").strip(), []).append(line)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    return verdicts
