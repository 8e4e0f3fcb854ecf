"""What an owner keeps of each deploy: how to reach the keep again, and the keep's receipt.

<keep>.json    mode 0600, in a directory of mode 0700
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from enarx.adapters.private_files import (
    OTHERS,
    base_directory,
    open_directory,
    read_small,
    remove,
    write_small,
)
from enarx.errors import MalformedError, MisconfiguredError, UnavailableError
from enarx.wire import document

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_BYTES = 64 * 1024
_ENDING = ".json"
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One deploy.

    Args:
        keep: the host's name for it.
        url: of the host.
        name: of the application, for people.
        platform: where it runs.
        workload_digest: "sha256:…".
        channel_spki: the keep's key, DER in hexadecimal.
        policy: the path of the policy that it was accepted by; empty for the built-in one.
        receipt: the keep's, as it came.
        deployed: when, RFC 3339.
    """

    keep: str
    url: str
    name: str
    platform: str
    workload_digest: str
    channel_spki: str
    policy: str
    receipt: str
    deployed: str


def default_directory(environ: Mapping[str, str]) -> str:
    """Where the XDG base directory specification puts a user's state, for *environ*."""
    base = base_directory(environ, "XDG_STATE_HOME", os.path.join(".local", "state"))
    return os.path.join(base, "enarx", "deployments")


def save(directory: str, deployment: Deployment) -> str:
    """Write *deployment*; the path of its file.

    Raises:
        UnavailableError: it cannot be written.
    """
    name = _file(deployment.keep)
    data = json.dumps(asdict(deployment), indent=2).encode()
    try:
        fd = open_directory(directory, OTHERS)
        try:
            write_small(fd, name, data)
        finally:
            os.close(fd)
    except OSError as e:
        raise UnavailableError(directory, str(e.strerror or e).lower()) from e
    return os.path.join(directory, name)


def load(directory: str, keep: str) -> Deployment:
    """What was kept of *keep*.

    Raises:
        MisconfiguredError: this user did not deploy it from here, or the file is damaged.
        UnavailableError: it cannot be read.
    """
    path = os.path.join(directory, _file(keep))
    try:
        fd = open_directory(directory, OTHERS)
        try:
            data = read_small(fd, _file(keep), _MAX_BYTES, OTHERS)
        finally:
            os.close(fd)
        found = document.load(data, path)
        values = {field.name: found.text(field.name) for field in fields(Deployment)}
        found.done()
    except FileNotFoundError as e:
        hint = "only who deployed a keep can use its channel, with the same user's key"
        raise MisconfiguredError(keep, "was not deployed from here", hints=(hint,)) from e
    except (MalformedError, ValueError) as e:
        raise MisconfiguredError(path, f"is damaged: {e}") from e
    except OSError as e:
        raise UnavailableError(path, str(e.strerror or e).lower()) from e
    return Deployment(**values)


def forget(directory: str, keep: str) -> None:
    """Remove what was kept of *keep*, if anything was."""
    try:
        fd = open_directory(directory, OTHERS)
    except OSError:
        return
    remove(fd, _file(keep))
    os.close(fd)


def _file(keep: str) -> str:
    if not keep or len(keep) > 128 or set(keep) - _NAME:  # noqa: PLR2004 - as the API's
        raise MisconfiguredError("keep", f"got {keep[:80]!r}, which is no keep's name")
    return keep + _ENDING
