"""What a plant writes about a source's messages: which of their fields make an event, and how.

::

    fields:                              # Noria column <- where it is in the message
      time: ts                           # a field; dotted names reach into nested ones
      work_unit: {template: "{line}-{station}"}
      event: {value: state}              # always the same
      state: {from: status, values: {RUN: working, IDLE: standby, "*": down}}
      quantity: {from: kilos, factor: 1000, default: 0}
    ignore: {type: [heartbeat]}          # messages that are no events
    key: [id]                            # what makes an event unique
    timezone: Africa/Casablanca          # of times without offset
    time_unit: ms                        # of times that are numbers

A column left out is read from the field of its own name. :mod:`twin.ingest.reading` does the work.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Any, Literal, Self, get_args
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from twin.errors import did_you_mean
from twin.model.base import Frozen

Column = Literal[
    "time", "work_unit", "event", "state", "order", "operation", "product", "lot", "material",
    "quantity", "scrap", "verdict", "reason",
]  # fmt: skip
NUMBER_COLUMNS = ("quantity", "scrap")
TimeUnit = Literal["s", "ms", "us", "ns"]
OTHERWISE = "*"
"""Key of ``values`` that stands for every value not named."""
_PLACE = re.compile(r"\{([^{}]*)\}")
_RULE_KEYS = ("from", "value", "template", "values", "default", "factor")


def as_text(value: Any) -> str:
    """A value of a message as the text that ``values`` and ``ignore`` compare with.

    >>> as_text(True), as_text(3.0), as_text(" RUN ")
    ('true', '3', 'RUN')
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _as_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {as_text(key): meaning for key, meaning in value.items()}
    return value


def _known_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError(f'no zone "{name}"; {did_you_mean(name, _zones())}')
    return name


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _no_flag(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a text or a number is expected, not true or false")
    return value


Constant = Annotated[str | int | float, BeforeValidator(_no_flag)]


class FieldRule(Frozen):
    """Where one column of an event comes from: ``from``, ``value`` or ``template``."""

    from_: str = Field(default="", alias="from")
    """Name of a field in the message; ``a.b`` is field b inside field a."""
    value: Constant | None = None
    """The same for every message."""
    template: str = ""
    """Text in which {names} of fields are filled in."""
    values: Annotated[dict[str, Constant], BeforeValidator(_as_texts)] = Field(default_factory=dict)
    """What each value of the message means; "*" stands for every other. Without it, a value not
    named puts the message into quarantine."""
    default: Constant | None = None
    """Where the message has no such field, or nothing in it."""
    factor: float | None = Field(default=None, gt=0)
    """Multiplies a number, for example 1000 from thousands to pieces."""

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"from": value}
        if not isinstance(value, dict):
            raise ValueError("the name of a field is expected, or {value: …} for a constant")
        for key in value:
            if key not in _RULE_KEYS:
                raise ValueError(f'unknown key "{key}"; {did_you_mean(str(key), _RULE_KEYS)}')
        return value

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.from_) + (self.value is not None) + bool(self.template) != 1:
            raise ValueError("give one of from, value and template")
        rest = _PLACE.sub("", self.template)
        if "{" in rest or "}" in rest or not all(self.places):
            raise ValueError('a template reads "{line}-{station}": names of fields in braces')
        if self.template and not self.places:
            raise ValueError("a template names at least one field in braces; else write value")
        if self.value is not None and (self.values or self.default is not None):
            raise ValueError("a constant needs neither values nor default")
        return self

    @property
    def places(self) -> list[str]:
        """Names of fields in the template."""
        return _PLACE.findall(self.template)

    @property
    def names(self) -> list[str]:
        """Every field of the message that the rule reads."""
        return [self.from_] if self.from_ else self.places


class Mapped(Frozen):
    """What every source's settings say about its messages; each source class inherits it."""

    fields: dict[Column, FieldRule] = Field(default_factory=dict)
    """Where each column of an event is in a message; default: the field of the same name."""
    key: list[str] = Field(default_factory=list)
    """Fields that together make an event unique in this source. Default: what the source itself
    guarantees to be unique, else the whole content of the event."""
    key_space: str = Field(default="", pattern=r"^[A-Za-z0-9_.-]{0,64}$")
    """Sources with one key space tell the same events under the same keys; default: the source's
    own name, so that the numbers of two sources never meet."""
    timezone: Annotated[str, AfterValidator(_known_zone)] | None = None
    """Zone of times without offset; without it such times go to quarantine."""
    time_unit: TimeUnit | None = None
    """Unit of times that are numbers, counted from 1970 UTC; without it such times go to
    quarantine."""
    ignore: dict[str, list[str | bool | int | float]] = Field(default_factory=dict)
    """Messages that are no events: by the value of a field, for example {type: [heartbeat]}."""
    strict: bool = False
    """Whether a message with a field that nothing reads goes to quarantine."""

    @field_validator("fields")
    @classmethod
    def _factors_are_of_numbers(cls, fields: dict[Column, FieldRule]) -> dict[Column, FieldRule]:
        for column, rule in fields.items():
            if rule.factor is not None and column not in NUMBER_COLUMNS:
                raise ValueError(f"{column} is no number; factor goes with quantity and scrap")
        return fields

    @field_validator("key")
    @classmethod
    def _keys_are_named(cls, key: list[str]) -> list[str]:
        if "" in key or len(set(key)) < len(key):
            raise ValueError("the key is a list of different names of fields")
        return key

    @property
    def zone(self) -> ZoneInfo | None:
        return ZoneInfo(self.timezone) if self.timezone else None

    @property
    def read_fields(self) -> set[str]:
        """Every field of a message that something reads."""
        left_out = set(get_args(Column)) - set(self.fields)
        return left_out.union(self.key, self.ignore, *(r.names for r in self.fields.values()))
