"""Contexts: which host, with which token and policy, so that nobody has to say it each time.

    current = "local"

    [contexts.local]
    url = "http://127.0.0.1:9180"
    token_file = "/home/me/.local/state/enarx/host/tokens/admin.token"
    ca_file = ""
    policy = "policy.toml"
    insecure_accept_simulated = true

The file is the user's own (mode 0600).  It names where a token is and never holds one.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from enarx.adapters.private_files import (
    OTHERS,
    base_directory,
    open_directory,
    read_small,
    write_small,
)
from enarx.errors import MisconfiguredError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "contexts.toml"
_MAX_BYTES = 256 * 1024
_MAX_TOKEN = 4096
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One host.

    Args:
        url: of its API; empty in the context of somebody who has none.
        token_file: a file with the bearer token; empty for none.
        ca_file: authorities for the host's certificate, PEM; empty for the public ones.
        client_certificate: a file with a certificate to show to the host, PEM; empty for none.
        client_key: the file with its key.
        policy: a file; empty for the built-in policy.
        insecure_accept_simulated: as the flag.
    """

    url: str = ""
    token_file: str = ""
    ca_file: str = ""
    client_certificate: str = ""
    client_key: str = ""
    policy: str = ""
    insecure_accept_simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contexts:
    """All of a user's.

    Args:
        current: the name of the one that counts where none is named; empty for none.
    """

    current: str
    by_name: Mapping[str, Context]


def default_directory(environ: Mapping[str, str]) -> str:
    """Where the XDG base directory specification puts a user's configuration, for *environ*."""
    return os.path.join(base_directory(environ, "XDG_CONFIG_HOME", ".config"), "enarx")


def load(directory: str) -> Contexts:
    """The contexts in *directory*; none if there is no file.

    Raises:
        MisconfiguredError: the file is no such file, or others have access to it.
        UnavailableError: it cannot be read.
    """
    path = os.path.join(directory, FILE)
    if not os.path.lexists(path):
        return Contexts(current="", by_name={})
    try:
        fd = open_directory(directory, 0o022)
        try:
            data = read_small(fd, FILE, _MAX_BYTES, OTHERS)
        finally:
            os.close(fd)
    except PermissionError as e:
        hint = f"only you may have access to it: chmod 600 {path}"
        raise MisconfiguredError(path, str(e.strerror or e).lower(), hints=(hint,)) from e
    except ValueError as e:
        raise MisconfiguredError(path, str(e)) from e
    except OSError as e:
        raise UnavailableError(path, str(e.strerror or e).lower()) from e
    return _parse(path, data)


def save(directory: str, contexts: Contexts) -> None:
    """Write *contexts*, whole or not at all.

    Raises:
        UnavailableError: they cannot be written.
    """
    lines = [f"current = {_text(contexts.current)}"]
    for name, context in sorted(contexts.by_name.items()):
        lines += ["", f"[contexts.{_text(name)}]"]
        for field in fields(context):
            value = getattr(context, field.name)
            shown = _text(value) if isinstance(value, str) else str(value).lower()
            lines.append(f"{field.name} = {shown}")
    try:
        fd = open_directory(directory, 0o022)
        try:
            write_small(fd, FILE, ("\n".join(lines) + "\n").encode(), replace=True)
        finally:
            os.close(fd)
    except OSError as e:
        raise UnavailableError(directory, str(e.strerror or e).lower()) from e


def with_context(contexts: Contexts, name: str, context: Context) -> Contexts:
    """*contexts* with *context* as *name*, which is current if there was none.

    Raises:
        MisconfiguredError: *name* is no name.
    """
    if not name or len(name) > 64 or set(name) - _NAME:  # noqa: PLR2004 - for people to type
        hint = "use letters, digits, dots, hyphens and underscores"
        raise MisconfiguredError("context", f"got the name {name[:80]!r}", hints=(hint,))
    by_name = {**contexts.by_name, name: context}
    return replace(contexts, by_name=by_name, current=contexts.current or name)


def read_token(path: str) -> str:
    """The token in the file *path*, without the line's end.

    Raises:
        MisconfiguredError: there is none, or others can read it.
        UnavailableError: it cannot be read.
    """
    folder, name = os.path.split(os.path.abspath(path))
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            data = read_small(fd, name, _MAX_TOKEN, OTHERS)
        finally:
            os.close(fd)
    except FileNotFoundError as e:
        raise MisconfiguredError(path, "no such file", hints=("look for a mistake",)) from e
    except PermissionError as e:
        hint = f"only you may have access to a token: chmod 600 {path}"
        raise MisconfiguredError(path, str(e.strerror or e).lower(), hints=(hint,)) from e
    except ValueError as e:
        raise MisconfiguredError(path, str(e)) from e
    except OSError as e:
        raise UnavailableError(path, str(e.strerror or e).lower()) from e
    token = data.strip().decode("ascii", "replace")
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise MisconfiguredError(path, "holds no token")
    return token


def _parse(path: str, data: bytes) -> Contexts:
    try:
        value = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise MisconfiguredError(path, f"is not TOML: {e}") from e
    current, tables = value.pop("current", ""), value.pop("contexts", {})
    if value or not isinstance(current, str) or not isinstance(tables, dict):
        raise MisconfiguredError(path, 'want current = "…" and [contexts.NAME] tables only')
    found = {name: _context(path, name, table) for name, table in tables.items()}
    return Contexts(current=current, by_name=found)


def _context(path: str, name: str, table: object) -> Context:
    where = f"contexts.{name}"
    if not isinstance(table, dict):
        raise MisconfiguredError(path, "want a table", path=where)
    known = {field.name: field.type for field in fields(Context)}
    for key, value in table.items():
        if key not in known:
            raise MisconfiguredError(path, "unknown key", path=f"{where}.{key}")
        want = bool if known[key] == "bool" else str
        if type(value) is not want:
            problem = f"got {type(value).__name__}, want {want.__name__}"
            raise MisconfiguredError(path, problem, path=f"{where}.{key}")
    return Context(**table)


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
