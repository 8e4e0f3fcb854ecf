"""The owner's key: who may use the channels of the keeps that this user deployed.

One P-256 key for each user of each machine, made at first use, in a file of the user's own
(``owner.pem``, mode 0600, in a directory of mode 0700).  It signs nothing but TLS handshakes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

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

_FILE = "owner.pem"
_MOST_BYTES = 16 * 1024


def default_directory(environ: Mapping[str, str]) -> str:
    """Where the XDG base directory specification puts a user's data, for *environ*."""
    base = base_directory(environ, "XDG_DATA_HOME", os.path.join(".local", "share"))
    return os.path.join(base, "enarx", "owner")


def load(directory: str) -> ec.EllipticCurvePrivateKey:
    """The key in *directory*; made there if there is none yet.

    Raises:
        MisconfiguredError: the file is no such key, or others have access to it.
        UnavailableError: the directory cannot be used.
    """
    path = os.path.join(directory, _FILE)
    try:
        fd = open_directory(directory, OTHERS)
        try:
            return _read_or_make(fd, path)
        finally:
            os.close(fd)
    except PermissionError as e:
        hint = f"only you may have access to it: chmod 600 {path}"
        raise MisconfiguredError(path, str(e.strerror or e).lower(), hints=(hint,)) from e
    except ValueError as e:
        raise MisconfiguredError(path, str(e)) from e
    except OSError as e:
        raise UnavailableError(path, str(e.strerror or e).lower()) from e


def _read_or_make(directory: int, path: str) -> ec.EllipticCurvePrivateKey:
    try:
        data = read_small(directory, _FILE, _MOST_BYTES, OTHERS)
    except FileNotFoundError:
        made = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_small(directory, _FILE, made, replace=False)  # another process may be faster
        data = read_small(directory, _FILE, _MOST_BYTES, OTHERS)
    try:
        key = serialization.load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as e:
        raise _no_key(path) from e
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise _no_key(path)
    return key


def _no_key(path: str) -> MisconfiguredError:
    hint = f"remove {path} to get a new one; keeps that were deployed with the old one are lost"
    return MisconfiguredError(path, "is no private key of P-256", hints=(hint,))
