"""Enarx.toml, from bytes to a ``Config``.

Decides what the keys of ``schema`` mean together: defaults that depend on other keys, merged
TLS settings, mounts and sockets that must exist once.  Reads no file; loaded only where there
is an Enarx.toml.

Sources: Enarx 0.7, ``enarx-config``; TOML 1.0; DESIGN section 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from enarx.package import network
from enarx.package.model import (
    DEFAULT_LISTEN_ADDR,
    DEFAULT_PORTS,
    DEFAULT_SCRATCH_BYTES,
    Config,
    File,
    Limits,
    Mount,
    Tls,
)
from enarx.package.schema import ENARX_TOML, MAX_BYTES
from enarx.package.secret_places import read_secrets
from enarx.wire.shape_check import Problems, join, nearest, read, shown
from enarx.wire.toml import read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.errors import MisconfiguredError

    Keys = Mapping[str, object]


def parse(text: bytes, source: str = "Enarx.toml") -> Config:
    """The configuration in *text*.

    Args:
        text: the file's bytes.
        source: what to call the file in errors.

    Raises:
        MisconfiguredError: the first problem; a hint says how many more there are.
    """
    config, problems = examine(text, source)
    if not problems:
        return config
    first = problems[0]
    if len(problems) > 1:
        more = f"{len(problems) - 1} more: enarx config check {source}"
        first.hints = (*first.hints, more)
    raise first


def examine(
    text: bytes, source: str = "Enarx.toml"
) -> tuple[Config, tuple[MisconfiguredError, ...]]:
    """The configuration in *text* and every problem with it; use it only if there are none."""
    problems = Problems(source)
    document = read_toml(text, problems, most=MAX_BYTES)
    keys = cast("Keys", read(ENARX_TOML, document, "", problems))
    if "steward" in keys:
        _explain_steward(keys["steward"], problems)
    if problems.found:
        return Config(), tuple(problems.found)
    config = _config(keys, problems)
    return config, tuple(problems.found)


def _explain_steward(steward: object, problems: Problems) -> None:
    if isinstance(steward, str) and steward.lower().startswith("http://"):
        problems.found[:] = [p for p in problems.found if p.path != "steward"]
        problems.add(
            "steward", f"refusing to use an unencrypted steward url (got {shown(steward)})"
        )


def _config(keys: Keys, problems: Problems) -> Config:
    files = tuple(_file(cast("Keys", item)) for item in _items(keys, "files"))
    mounts = _mounts(keys, problems)
    tls = cast("Keys", keys.get("tls", {}))
    general = _tls(tls)
    return Config(
        steward=cast("str | None", keys.get("steward")),
        args=_texts(keys, "args"),
        env=tuple(cast("dict[str, str]", keys.get("env", {})).items()),
        files=files,
        mounts=mounts,
        secrets=read_secrets(keys, mounts, problems),
        limits=_limits(cast("Keys", keys.get("limits", {}))),
        network_connect=_rules(cast("Keys", keys.get("network", {})), problems),
        tls=general,
        tls_sockets=_sockets(tls, files, problems, steward="steward" in keys),
    )


def _file(keys: Keys) -> File:
    kind = cast("str", keys["kind"])
    host = cast("str", keys.get("host", ""))
    name = cast("str", keys.get("name", host or kind))
    if kind not in ("listen", "connect"):
        return File(kind=kind, name=name)
    prot = cast("str", keys.get("prot", "tls"))
    addr = cast("str", keys.get("addr", DEFAULT_LISTEN_ADDR)) if kind == "listen" else ""
    port = cast("int", keys.get("port", DEFAULT_PORTS[prot]))
    return File(kind=kind, name=name, prot=prot, addr=addr, host=host, port=port)


def _mounts(keys: Keys, problems: Problems) -> tuple[Mount, ...]:
    mounts: list[Mount] = []
    for index, item in enumerate(_items(keys, "mounts")):
        mount = cast("Keys", item)
        source = cast("str", mount["source"])
        path = cast("str", mount["path"])
        if any(other.path == path for other in mounts):
            problems.add(f"mounts[{index}].path", f"{shown(path)} is mounted twice")
        size = cast("int", mount.get("size", DEFAULT_SCRATCH_BYTES)) if source == "scratch" else 0
        folder = cast("str", mount.get("from", ""))
        mounts.append(Mount(path=path, source=source, folder=folder, size_bytes=size))
    return tuple(mounts)


def _limits(keys: Keys) -> Limits:
    return Limits(
        memory_bytes=cast("int | None", keys.get("memory")),
        wall_time_s=cast("float | None", keys.get("wall_time")),
        fuel=cast("int | None", keys.get("fuel")),
        open_files=cast("int | None", keys.get("open_files")),
    )


def _rules(keys: Keys, problems: Problems) -> tuple[network.Rule, ...]:
    rules: list[network.Rule] = []
    for index, text in enumerate(_texts(keys, "connect")):
        try:
            rules.append(network.parse_rule(text))
        except ValueError as e:
            problems.add(f"network.connect[{index}]", f"got {shown(text)}: {e}")
    return tuple(rules)


def _sockets(
    tls: Keys, files: tuple[File, ...], problems: Problems, *, steward: bool
) -> tuple[tuple[str, Tls], ...]:
    names = tuple(file.name for file in files if file.prot == "tls")
    names += ("steward",) * steward
    merged: list[tuple[str, Tls]] = []
    for name, keys in cast("Mapping[str, Keys]", tls.get("socket", {})).items():
        path = join("tls.socket", name)
        if name not in names:
            hint = nearest(name, names)
            problems.add(path, "no tls socket in [[files]] has this name", hint)
        settings = _tls({**tls, **keys})
        merged.append((name, settings))
        _check_client_auth(settings, path, problems)
    if not merged:
        _check_client_auth(_tls(tls), "tls", problems)
    return tuple(merged)


def _tls(keys: Keys) -> Tls:
    given: dict[str, object] = {
        key: value for key, value in keys.items() if key not in ("socket", "handshake_timeout")
    }
    if "handshake_timeout" in keys:
        given["handshake_timeout_s"] = keys["handshake_timeout"]
    return Tls(**given)  # type: ignore[arg-type]  # the schema has checked each


def _check_client_auth(settings: Tls, path: str, problems: Problems) -> None:
    if settings.client_auth != "none" and not settings.client_trust_anchors:
        problem = f"is missing, and client_auth = {shown(settings.client_auth)} needs it"
        problems.add(f"{path}.client_trust_anchors", problem)


def _items(keys: Keys, key: str) -> tuple[object, ...]:
    return cast("tuple[object, ...]", keys.get(key, ()))


def _texts(keys: Keys, key: str) -> tuple[str, ...]:
    return cast("tuple[str, ...]", keys.get(key, ()))
