"""The frozen base of everything people write in YAML, and how a YAML file becomes one of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from twin.errors import Fault, InputError, did_you_mean


class Frozen(BaseModel):
    """Immutable; unknown keys are refused; the text under a field is its documentation."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )


_UNITS = {"s": 1 / 60, "min": 1.0, "h": 60.0, "d": 1440.0}
_DURATION = re.compile(r"([-+]?[0-9]*\.?[0-9]+(?:e[-+]?[0-9]+)?)\s*(s|min|h|d)", re.IGNORECASE)


def parse_duration(value: Any) -> Any:
    """Minutes from ``"90 s"``, ``"25 min"``, ``"1.5 h"`` or ``"30 d"``; a bare number is minutes.

    >>> parse_duration("1.5 h")
    90.0
    """
    if not isinstance(value, str):
        return value
    found = _DURATION.fullmatch(value.strip())
    if not found:
        raise ValueError('a duration reads "90 s", "25 min", "1.5 h" or "30 d"')
    return float(found[1]) * _UNITS[found[2].lower()]


Minutes = Annotated[float, BeforeValidator(parse_duration)]
"""A duration [min]; in YAML a number of minutes or text with a unit (s, min, h, d)."""

MANY = 1_000_000_000
"""Most pieces, places or people that a field takes: beyond it somebody has mistyped."""
Model = TypeVar("Model", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """YAML in which only true and false are booleans, so that a machine state may be called off,
    no key comes twice in one mapping, and a day that no month has is a fault with its line."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    problem = f'key "{key.value}" appears twice; keep one'
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add(key.value)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found

    def construct_yaml_timestamp(self, node: yaml.ScalarNode) -> Any:
        try:
            return super().construct_yaml_timestamp(node)
        except ValueError as error:
            problem = f"{node.value} is no date: {error}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:bool"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"true|false"), list("tf"))
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_timestamp)


def load_yaml(path: Path, model: type[Model]) -> Model:
    """Read a YAML file into a frozen model.

    Raises
    ------
    InputError
        With every fault of the file: key path, value found, remedy.
    """
    return validate(read_yaml(path), model, str(path))


def read_yaml(path: Path) -> Any:
    """Parse a YAML file; a missing or broken file is an :class:`~twin.errors.InputError`."""
    try:
        return yaml.load(path.read_bytes().decode("utf-8-sig"), _Loader)
    except FileNotFoundError:
        raise InputError(str(path), [Fault("", "no such file", "check the path")]) from None
    except UnicodeDecodeError as error:
        where = f"line {error.object[: error.start].count(10) + 1}"
        fault = Fault(where, "a character is not UTF-8", "save the file as UTF-8")
        raise InputError(str(path), [fault]) from None
    except OSError as error:
        fault = Fault("", f"cannot be read: {error.strerror}", "check the path and its rights")
        raise InputError(str(path), [fault]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        kind = "" if isinstance(error, yaml.constructor.ConstructorError) else "not valid YAML: "
        raise InputError(str(path), [Fault(where, f"{kind}{problem}")]) from None


def validate(content: Any, model: type[Model], source: str) -> Model:
    """Check parsed content against a model; all faults in one :class:`~twin.errors.InputError`."""
    if not isinstance(content, dict):
        kind = "nothing" if content is None else type(content).__name__
        raise InputError(source, [Fault("", f"got {kind}; a mapping of keys is expected")])
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise InputError(source, [_fault(e, content, model) for e in error.errors()]) from None


def _fault(error: ErrorDetails, content: Any, model: type[BaseModel]) -> Fault:
    path = [
        p for p in error["loc"] if not (isinstance(p, str) and _is_tag(p, error["loc"], content))
    ]
    where = ".".join(str(p) for p in path)
    kind, value = error["type"], error.get("input")
    if kind == "extra_forbidden":
        owner = _model_at(model, path[:-1])
        known = owner.model_fields.keys() if owner else []
        parent = ".".join(str(p) for p in path[:-1])
        return Fault(parent, f'unknown key "{path[-1]}"', did_you_mean(str(path[-1]), known))
    if kind == "missing":
        return Fault(where, "missing", "add it")
    message = _EXPECTED.get(kind) or error["msg"].removeprefix("Value error, ")
    if kind == _UNSHOWN or (kind == "value_error" and isinstance(value, dict | list)):
        return Fault(where, message)
    return Fault(where, f"got {_shown(value)}; {message[0].lower()}{message[1:]}")


_EXPECTED = {
    "path_type": "a path is expected",
    "model_type": "a mapping of keys is expected",
    "model_attributes_type": "a mapping of keys is expected",
    "dict_type": "a mapping of keys is expected",
    "datetime_type": "a date or time is expected, such as 2026-11-23T05:00",
    "datetime_from_date_parsing": "a date or time is expected, such as 2026-11-23T05:00",
    "datetime_parsing": "a date or time is expected, such as 2026-11-23T05:00",
}
"""What is expected, in a plant's words, where pydantic's are a programmer's."""


HIDDEN = "•••"
_IN_ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://[^/\s:@]*):[^/\s]+@", re.IGNORECASE)
_AS_WORD = re.compile(r"(?P<name>(?:password|passwd|pwd|secret|token)\s*=\s*)[^\s&;,'\"]+", re.I)


def hide_passwords(text: str) -> str:
    """A text without the passwords that addresses and connection strings in it hold.

    >>> hide_passwords("postgresql://noria:hunter2@db/events?sslmode=require")
    'postgresql://noria:•••@db/events?sslmode=require'
    """
    text = _IN_ADDRESS.sub(rf"\g<scheme>:{HIDDEN}@", text)
    return _AS_WORD.sub(rf"\g<name>{HIDDEN}", text)


def unshown(message: str) -> PydanticCustomError:
    """An error for a validator to raise whose message must not repeat the value: it is secret."""
    return PydanticCustomError(_UNSHOWN, "{message}", {"message": message})


_UNSHOWN = "unshown"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"  # its values are not repeated: one may be a secret in the wrong place
    text = hide_passwords(repr(value))
    return text if len(text) <= 60 else text[:57] + "…"


def _is_tag(part: str, loc: tuple[int | str, ...], content: Any) -> bool:
    """Whether a part of pydantic's path is the tag of a union, not a key of the file."""
    node = content
    for step in loc:
        if step == part and isinstance(node, dict) and step not in node:
            return step in node.values()
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            continue
    return False


def _model_at(model: type[BaseModel], path: list[int | str]) -> type[BaseModel] | None:
    """The model class that describes a key path, found through annotations."""
    candidates: list[Any] = [model]
    for step in path:
        found: list[Any] = []
        for candidate in candidates:
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                field = candidate.model_fields.get(str(step))
                found += _models_in(field.annotation) if field else []
            else:
                found.append(candidate)
        if isinstance(step, str) and not any(True for _ in found):
            found = candidates  # the key of a dict[str, Model]
        candidates = found or candidates
    models = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
    return models[0] if models else None


def _models_in(annotation: Any) -> list[Any]:
    """Every model class mentioned in an annotation, containers and unions unwrapped."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    found: list[Any] = []
    for argument in getattr(annotation, "__args__", ()):
        found += _models_in(argument)
    return found
