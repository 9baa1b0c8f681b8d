"""Log lines for programs: JSON, a line an event, without secrets at any depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

from twin.secrets import Keyring

if TYPE_CHECKING:
    from structlog.typing import EventDict


def json_log(file: TextIO, keyring: Keyring) -> Any:
    """A structlog logger that writes to ``file``."""
    import structlog

    def without_secrets(_: Any, __: str, event: EventDict) -> EventDict:
        return {key: redacted(value, keyring) for key, value in event.items()}

    return structlog.wrap_logger(
        structlog.WriteLogger(file),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            without_secrets,
            structlog.processors.JSONRenderer(ensure_ascii=True, default=str),
        ],
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=False,
    )


def redacted(value: Any, keyring: Keyring) -> Any:
    """Texts without secrets, at any depth."""
    if isinstance(value, str):
        return keyring.redact(value)
    if isinstance(value, dict):
        return {key: redacted(inner, keyring) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(inner, keyring) for inner in value]
    return value


class Calm:
    """A log whose failures (a full disk, a closed pipe) do not stop what it tells about."""

    def __init__(self, log: Any) -> None:
        self._log = log

    def info(self, event: str, **facts: Any) -> None:
        self._tell("info", event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        self._tell("warning", event, facts)

    def error(self, event: str, **facts: Any) -> None:
        self._tell("error", event, facts)

    def _tell(self, level: str, event: str, facts: dict[str, Any]) -> None:
        try:
            getattr(self._log, level)(event, **facts)
        except (OSError, ValueError):  # ValueError: the file is closed
            return
