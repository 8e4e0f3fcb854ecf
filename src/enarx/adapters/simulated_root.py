"""The development root of this machine, kept in a file of the user's own.

One root for each user of each machine: what one start makes, the next verifies.  It is made at
first use, with keys out of the operating system's random numbers; if several processes are the
first, one root wins and all of them use it.

    root.pem    mode 0600, in a directory of mode 0700
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import rsa

from enarx.adapters.private_files import (
    OTHERS,
    base_directory,
    open_directory,
    read_small,
    write_small,
)
from enarx.errors import MalformedError, MisconfiguredError, UnavailableError
from enarx.tee.simulated.keys import RSA_BITS, SEED_BYTES
from enarx.tee.simulated.root import SimulatedRoot

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILE = "root.pem"
_MOST_BYTES = 64 * 1024
_EXPONENT = 0x1_0001


def default_directory(environ: Mapping[str, str]) -> str:
    """Where the XDG base directory specification puts a user's data, for *environ*."""
    base = base_directory(environ, "XDG_DATA_HOME", os.path.join(".local", "share"))
    return os.path.join(base, "enarx", "simulated")


def load(directory: str) -> SimulatedRoot:
    """The root in *directory*; made there if there is none yet, which takes about a second.

    Raises:
        MisconfiguredError: the file is damaged, or others may read or change it.
        UnavailableError: the directory cannot be used.
    """
    path = os.path.join(directory, _FILE)
    try:
        fd = open_directory(directory, OTHERS)
    except PermissionError as e:
        raise _not_private(directory, "700", e) from e
    except OSError as e:
        raise UnavailableError(directory, str(e.strerror).lower()) from e
    try:
        return _read_or_make(fd, path)
    except PermissionError as e:
        raise _not_private(path, "600", e) from e
    except OSError as e:
        raise UnavailableError(path, str(e.strerror).lower()) from e
    finally:
        os.close(fd)


def _read_or_make(directory: int, path: str) -> SimulatedRoot:
    try:
        return _read(directory, path)
    except FileNotFoundError:
        _make(directory)
        return _read(directory, path)


def _read(directory: int, path: str) -> SimulatedRoot:
    try:
        return SimulatedRoot.from_bytes(read_small(directory, _FILE, _MOST_BYTES, OTHERS))
    except (MalformedError, ValueError) as e:
        hint = f"remove {path} to get a new root; evidence under the old one is then refused"
        raise MisconfiguredError(path, f"no development root: {e}", hints=(hint,)) from e


def _make(directory: int) -> None:
    """Make a root, unless another process has been faster: then its root stays."""
    made = SimulatedRoot(os.urandom(SEED_BYTES), _rsa_key(), _rsa_key())
    write_small(directory, _FILE, made.to_bytes(), replace=False)


def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(_EXPONENT, RSA_BITS)


def _not_private(path: str, mode: str, error: PermissionError) -> MisconfiguredError:
    hint = f"only you may have access to it: chmod {mode} {path}"
    return MisconfiguredError(path, str(error.strerror or error).lower(), hints=(hint,))
