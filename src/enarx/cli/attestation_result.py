"""Signed attestation results on a disk: ``enarx verify --ear``."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from enarx import __version__
from enarx.adapters.package_files import read_file, write_new
from enarx.appraisal import ear, ear_token
from enarx.errors import MalformedError, MisconfiguredError

if TYPE_CHECKING:
    from enarx.appraisal.verdict import Verdict
    from enarx.attestation import Authentic

_MAX_KEY_BYTES = 16 * 1024
_KEY_HINT = "make one: openssl genpkey -algorithm ed25519 -out key.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultOptions:
    """Where a result goes, and who signs it."""

    path: str
    key: ear_token.PrivateKey = field(repr=False)
    nonce: str

    def write(self, authentic: Authentic, verdict: Verdict) -> None:
        """Sign and write the result, of accepted and of refused evidence.

        Raises:
            MisconfiguredError: the file exists, or cannot be written there.
        """
        claims = ear.claims_set(authentic, verdict, build=f"enarx {__version__}", nonce=self.nonce)
        write_new(self.path, ear_token.sign(claims, self.key).encode("ascii") + b"\n")


def read_options(path: str, key: str, nonce: str) -> ResultOptions:
    """The options as given, of which one is; checked before any work is done.

    Raises:
        MisconfiguredError: one without the other, a key that cannot sign, a nonce of the wrong
            size, or a file that exists.
    """
    if not path:
        hint = "name the file to write: --ear FILE"
        option = "--ear-key" if key else "--ear-nonce"
        raise MisconfiguredError(option, "is given without --ear", hints=(hint,))
    if not key:
        raise MisconfiguredError("--ear", "is given without --ear-key", hints=(_KEY_HINT,))
    if os.path.lexists(path):
        raise MisconfiguredError(path, "does already exist", hints=("name another file",))
    least, most = ear.NONCE_CHARACTERS
    if nonce and not least <= len(nonce) <= most:
        problem = f"got {len(nonce)} characters, want {least} to {most}"
        raise MisconfiguredError("--ear-nonce", problem)
    return ResultOptions(path=path, key=_read_key(key), nonce=nonce)


def _read_key(path: str) -> ear_token.PrivateKey:
    try:
        found = load_pem_private_key(read_file(path, _MAX_KEY_BYTES), None)
    except (MalformedError, ValueError, TypeError, UnsupportedAlgorithm) as e:
        problem = "is no private key in PEM without a password"
        raise MisconfiguredError(path, problem, hints=(_KEY_HINT,)) from e
    if not isinstance(found, ear_token.PrivateKey):
        raise MisconfiguredError(path, "want a key of P-384 or Ed25519", hints=(_KEY_HINT,))
    try:
        ear_token.algorithm_of(found)
    except MisconfiguredError as e:
        raise MisconfiguredError(path, e.problem, hints=(_KEY_HINT,)) from e
    return found
