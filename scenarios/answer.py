"""What a command answers, in words and in values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """A command's result: values for programs, text for people."""

    values: Mapping[str, Any]
    text: str
    exit_code: int = 0

    def as_json(self) -> str:
        return json.dumps(self.values, indent=1, ensure_ascii=False, default=str)
