"""The log's part of the Steward's OpenAPI document.

Refers to the response ``Problem`` of the document that it becomes a part of.
"""

from __future__ import annotations

from enarx.steward.log.routes import PREFIX
from enarx.transparency.tiles import CHECKPOINT
from enarx.web.problem import CODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Json: TypeAlias = dict[str, object]

_TILE = {
    "name": "tile",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^(entries|[0-9]{1,2})/[0-9]{3}(\\.p/[0-9]{1,3})?$"},
    "description": "as C2SP tlog-tiles names it: level, number, and the width of one not full",
}


def paths() -> Json:
    """To stand among the document's paths."""
    return {
        f"{PREFIX}/{CHECKPOINT}": {
            "get": _operation(
                "logCheckpoint", "The signed size and root of the log", "text/plain", {}
            )
        },
        f"{PREFIX}/tile/{{tile}}": {
            "parameters": [_TILE],
            "get": _operation(
                "logTile",
                "A tile of the log's tree, or a bundle of its entries",
                "application/octet-stream",
                {"format": "binary"},
            ),
        },
    }


def _operation(name: str, summary: str, media: str, schema: Json) -> Json:
    content = {media: {"schema": {"type": "string", **schema}}}
    refusals = {
        str(status): {"$ref": "#/components/responses/Problem"}
        for status in sorted({status for status, _ in CODES.values()})
    }
    responses = {"200": {"description": summary, "content": content}, **refusals}
    return {"operationId": name, "summary": summary, "security": [], "responses": responses}
