"""The JSON Schema of Enarx.toml, for editors.  Made from the declaration the parser uses."""

from __future__ import annotations

from enarx.package.schema import ENARX_TOML
from enarx.wire import shape_schema


def json_schema() -> dict[str, object]:
    """The schema as a JSON document."""
    return shape_schema.json_schema(ENARX_TOML, "Enarx.toml")
