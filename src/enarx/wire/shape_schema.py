"""Declared shapes written as JSON Schema, for editors: completion, hover texts, red underlines.

Made from the declaration that ``shape_check`` reads with.  Source: JSON Schema, draft 2020-12.
"""

from __future__ import annotations

from enarx.wire.shape import (
    Duration,
    Many,
    Named,
    Shape,
    Size,
    Stated,
    Table,
    Tagged,
    Text,
    Truth,
    Whole,
)
from enarx.wire.sizes import DURATION_PATTERN, SIZE_PATTERN

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(shape: Shape, title: str) -> dict[str, object]:
    """The schema of a file of *shape*, as a JSON document."""
    return {"$schema": DIALECT, "title": title, **_schema(shape)}


def _schema(shape: Shape) -> dict[str, object]:
    match shape:
        case Text():
            return _text(shape)
        case Truth():
            return {**_about(shape), "type": "boolean"}
        case Whole() | Size() | Duration():
            return _number(shape)
        case Many():
            return _many(shape)
        case Named():
            return {
                **_about(shape),
                "type": "object",
                "propertyNames": {"pattern": shape.key.pattern},
                "additionalProperties": _schema(shape.item),
            }
        case Tagged():
            return _tagged(shape)
        case Table():
            return _table(shape)
        case Stated():  # pragma: no branch - there are no other shapes, says mypy
            return {"anyOf": [_schema(shape.value), _UNCHECKED]}


def _number(shape: Whole | Size | Duration) -> dict[str, object]:
    match shape:
        case Whole():
            limits = {"minimum": shape.minimum, "maximum": shape.maximum}
            return {**_about(shape), "type": "integer", **limits}
        case Size():
            number = {"type": "integer", "minimum": shape.minimum, "maximum": shape.maximum}
            return {**_about(shape), "anyOf": [number, _unit(SIZE_PATTERN)]}
        case Duration():  # pragma: no branch - there are no others, says mypy
            seconds = {"type": "number", "exclusiveMinimum": 0, "maximum": shape.maximum_s}
            return {**_about(shape), "anyOf": [seconds, _unit(DURATION_PATTERN)]}


def _many(shape: Many) -> dict[str, object]:
    found = {**_about(shape), "type": "array", "items": _schema(shape.item)}
    if shape.least:
        found["minItems"] = shape.least
    if shape.examples:
        found["examples"] = [list(example) for example in shape.examples]
    return found


def _text(shape: Text) -> dict[str, object]:
    found: dict[str, object] = {**_about(shape), "type": "string"}
    if shape.choices:
        found["enum"] = list(shape.choices)
    if shape.pattern:
        found["pattern"] = shape.pattern
    if shape.examples:
        found["examples"] = list(shape.examples)
    return found


def _unit(pattern: str) -> dict[str, object]:
    return {"type": "string", "pattern": pattern}


def _table(shape: Table) -> dict[str, object]:
    found: dict[str, object] = {
        **_about(shape),
        "type": "object",
        "properties": {key: _schema(item) for key, item in shape.keys.items()},
        "additionalProperties": False,
    }
    if shape.required:
        found["required"] = list(shape.required)
    if shape.requires:
        found["dependentRequired"] = {key: [other] for key, other in shape.requires}
    if shape.one_of:
        found["oneOf"] = [{"required": [key]} for key in shape.one_of]
    return found


def _tagged(shape: Tagged) -> dict[str, object]:
    variants = []
    for choice, table in shape.variants.items():
        found = _table(table)
        tag = {"description": shape.tag.about, "const": choice}
        found["properties"] = {**_properties(found), shape.tag_name: tag}
        required = [key for key in table.required if key != shape.tag_name]
        if choice != shape.tag.default:
            required.insert(0, shape.tag_name)
        found["required"] = required
        variants.append(found)
    return {**_about(shape), "type": "object", "oneOf": variants}


def _properties(table: dict[str, object]) -> dict[str, object]:
    found = table["properties"]
    return found if isinstance(found, dict) else {}


def _about(shape: Shape) -> dict[str, object]:
    about = getattr(shape, "about", "")
    found: dict[str, object] = {"description": about} if about else {}
    default = getattr(shape, "default", None)
    if default is not None:
        found["default"] = list(default) if isinstance(default, tuple) else default
    return found


_UNCHECKED: dict[str, object] = {
    "description": "Left out, for this reason.",
    "type": "object",
    "properties": {"unchecked": {"type": "string", "pattern": r"\S"}},
    "required": ["unchecked"],
    "additionalProperties": False,
}
