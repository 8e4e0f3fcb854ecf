"""A package's manifest, read strictly: what is not understood is refused, with want and got.

Source: OCI image specification 1.1 (manifest.md); DESIGN section 5.
"""

from __future__ import annotations

import json

from enarx.errors import MalformedError
from enarx.package.digest import is_digest
from enarx.package.media import (
    ARTIFACT_TYPE,
    CONFIG_TYPE,
    FILES_TYPE,
    MANIFEST_TYPE,
    MAX_BLOB_BYTES,
    MAX_MANIFEST_BYTES,
    TOML_TYPE,
    WASM_TYPE,
    Descriptor,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_KEYS = {"schemaVersion", "mediaType", "artifactType", "config", "layers", "annotations"}
_DESCRIPTOR_KEYS = {"mediaType", "digest", "size", "annotations"}
_LAYER_TYPES = (WASM_TYPE, TOML_TYPE, FILES_TYPE)


def check_manifest(manifest: bytes, where: str) -> tuple[Descriptor, ...]:
    """The descriptors of *manifest*: the config blob's, then the layers'.

    Raises:
        MalformedError: it is not the manifest of a package.
    """
    if len(manifest) > MAX_MANIFEST_BYTES:
        problem = f"too large (got {len(manifest)} bytes, want at most {MAX_MANIFEST_BYTES})"
        raise MalformedError(where, problem)
    document = json_object(manifest, where)
    _known_keys(document, _KEYS, where)
    _equal(document, "schemaVersion", 2, where)
    if "mediaType" in document:  # optional in the specification
        _equal(document, "mediaType", MANIFEST_TYPE, where)
    if "artifactType" in document:
        _equal(document, "artifactType", ARTIFACT_TYPE, where)
    config = _descriptor(document.get("config"), f"{where}: config")
    if config.media_type != CONFIG_TYPE:
        raise _wrong(f"{where}: config.mediaType", config.media_type, CONFIG_TYPE)
    return (config, *_layers(document.get("layers"), where))


def json_object(data: bytes, where: str) -> dict[str, object]:
    """*data* as one JSON object without duplicate keys.

    Raises:
        MalformedError: it is anything else.
    """
    try:
        document = json.loads(data.decode(), object_pairs_hook=_unique)
    except RecursionError as e:
        raise MalformedError(where, "JSON is nested too deeply") from e
    except ValueError as e:  # JSON, UTF-8, a duplicate key, a number of thousands of digits
        raise MalformedError(where, f"not JSON: {e}".splitlines()[0]) from e
    if not isinstance(document, dict):
        raise MalformedError(where, f"wrong type (got {_kind(document)}, want an object)")
    return document


def _layers(value: object, where: str) -> list[Descriptor]:
    if not isinstance(value, list) or not value:
        raise MalformedError(f"{where}: layers", "missing; want an application/wasm layer")
    layers = [_descriptor(item, f"{where}: layers[{n}]") for n, item in enumerate(value)]
    for n, layer in enumerate(layers):
        place = f"{where}: layers[{n}].mediaType"
        if n == 0 and layer.media_type != WASM_TYPE:
            raise _wrong(place, layer.media_type, WASM_TYPE)
        if layer.media_type not in _LAYER_TYPES:
            raise _wrong(place, layer.media_type, " or ".join(_LAYER_TYPES[1:]))
    order = [_LAYER_TYPES.index(layer.media_type) for layer in layers]
    if order != sorted(set(order)):
        problem = "a package has one layer of each type: application/wasm, Enarx.toml, files"
        raise MalformedError(f"{where}: layers", problem)
    return layers


def _descriptor(value: object, where: str) -> Descriptor:
    if not isinstance(value, dict):
        raise MalformedError(where, f"wrong type (got {_kind(value)}, want an object)")
    _known_keys(value, _DESCRIPTOR_KEYS, where)
    media_type, digest, size = value.get("mediaType"), value.get("digest"), value.get("size")
    if not isinstance(media_type, str):
        raise MalformedError(f"{where}.mediaType", f"want a media type, got {_kind(media_type)}")
    if not isinstance(digest, str) or not is_digest(digest):
        raise MalformedError(f"{where}.digest", f"want sha256: and 64 digits, got {_shown(digest)}")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise MalformedError(f"{where}.size", f"want a number of bytes, got {_shown(size)}")
    most = MAX_BLOB_BYTES.get(media_type)
    if most is not None and size > most:
        raise MalformedError(f"{where}.size", f"too large (got {size} bytes, want at most {most})")
    return Descriptor(media_type, digest, size)


def _unique(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"duplicate key {twice!r}")
    return found


def _known_keys(document: Mapping[str, object], known: set[str], where: str) -> None:
    for key in document:
        if key not in known:
            raise MalformedError(where, f"unknown key {key!r} (want {', '.join(sorted(known))})")


def _equal(document: Mapping[str, object], key: str, want: object, where: str) -> None:
    got = document.get(key)
    if got != want or isinstance(got, bool):
        raise _wrong(f"{where}: {key}", got, want)


def _wrong(where: str, got: object, want: object) -> MalformedError:
    return MalformedError(where, f"got {_shown(got)}, want {want}")


def _shown(value: object) -> str:
    text = str(value) if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004 - one line


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "an array", str: "a string", type(None): "nothing"}
    return kinds.get(type(value), json.dumps(value, default=str))
