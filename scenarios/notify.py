"""Tells a command of the plant's own how an execution ended: a mail, a chat, a pager.

It gets a JSON summary on its standard input. That it fails, hangs or is not there changes nothing
about the execution: it is stopped after its time limit, and what was wrong is logged.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from scenarios.settings import Notification, Occasion

_SHOWN = 500
"""Characters of the command's own error text that are logged."""


def occasions(exit_code: int, details: Mapping[str, Any]) -> set[Occasion]:
    """What happened, in the words of the setting ``on``."""
    found: set[Occasion] = {"always"}
    if exit_code == 7:
        found.add("partial")
    elif exit_code:
        found.add("failure")
    if details.get("status_of_plan") == "fallback":
        found.add("fallback")
    return found


def notify(settings: Notification, summary: Mapping[str, Any]) -> str:
    """Run the command; returns what was wrong with it, empty when nothing was."""
    text = json.dumps(dict(summary), ensure_ascii=False, default=str)
    try:
        process = subprocess.Popen(
            list(settings.command), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace",
            start_new_session=True,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        return f"{settings.command[0]}: cannot be started ({error})"
    with process:
        try:
            _, said = process.communicate(text, timeout=settings.time_limit_s)
        except subprocess.TimeoutExpired:
            _end(process)
            return f"{settings.command[0]}: stopped after {settings.time_limit_s:g} s"
        except BaseException:
            _end(process)
            raise
    if process.returncode:
        return f"{settings.command[0]}: exit code {process.returncode}; {said.strip()[:_SHOWN]}"
    return ""


def _end(process: subprocess.Popen[str]) -> None:
    """End the command and all it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
