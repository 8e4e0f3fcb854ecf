"""Keys that never leave a hardware module: they sign where they are.

They are made in the module, of which nobody can read them (sensitive, not extractable).  Other
keys of an authority are in files all the same: those that sign attestation results and checkpoints,
and that of the secrets.

Calls are serialised: one session, one call at a time.  A session that the module has lost is
opened again, once for each call.  A process that forks must not use it in the child.

Sources: PKCS #11 v3.1, section 6.3.12 (ECDSA: r and s, each as long as the order, without
structure); RFC 3279, section 2.2.3 (what X.509 has instead).
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, TypeVar

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import Hash
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pkcs11.util.ec import (
    encode_ec_public_key,
    encode_ecdsa_signature,
    encode_named_curve_parameters,
)

from enarx.errors import MisconfiguredError, UnavailableError
from enarx.pki.signing import DistantKey, hash_for
from enarx.steward.authority.keys import MissingKeyError, identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from enarx.pki.signing import Signer
    from enarx.steward.authority.state import Module

T = TypeVar("T")

_LABEL = "enarx steward"
_ID_BYTES = 16
_LOST = (
    pkcs11.exceptions.SessionHandleInvalid,
    pkcs11.exceptions.SessionClosed,
    pkcs11.exceptions.UserNotLoggedIn,
    pkcs11.exceptions.KeyHandleInvalid,
    pkcs11.exceptions.ObjectHandleInvalid,
)
_PIN = (
    pkcs11.exceptions.PinIncorrect,
    pkcs11.exceptions.PinInvalid,
    pkcs11.exceptions.PinLenRange,
    pkcs11.exceptions.PinLocked,
    pkcs11.exceptions.PinExpired,
    pkcs11.exceptions.UserPinNotInitialized,
)


class Token:
    """A token of *module*, logged in to with *pin*; safe to share between threads.

    Raises:
        MisconfiguredError: the module, the token, or access with this PIN cannot be had.
        UnavailableError: the module fails.
    """

    def __init__(self, module: Module, pin: str) -> None:
        self._module = module
        self._pin = pin
        self._lock = threading.Lock()
        self._token = _find(module)
        self._session = self._login()

    def __repr__(self) -> str:
        return f"Token({self._module.token})"

    def make(self, curve: ec.EllipticCurve) -> Signer:
        """A new key of this curve, which stays in the token."""
        return self._signer(*self._call(lambda session: _generate(session, curve)))

    def signer(self, key: str) -> Signer:
        """The key with this identifier.

        Raises:
            MissingKeyError: it is not in the token.
        """
        found = self._call(lambda session: _search(session, key))
        if found is None:
            raise MissingKeyError(f"token {self._module.token}", f"has no key {key[:_ID_BYTES]}")
        return self._signer(*found)

    def _signer(self, public: ec.EllipticCurvePublicKey, key_id: bytes) -> Signer:
        algorithm = hash_for(public)

        def sign(data: bytes) -> bytes:
            if algorithm is None:
                raise AssertionError
            digest = Hash(algorithm)
            digest.update(data)
            hashed = digest.finalize()
            return self._call(lambda session: _sign(session, key_id, hashed))

        return DistantKey(public, ec.generate_private_key(public.curve), sign)

    def _call(self, work: Callable[[pkcs11.Session], T]) -> T:
        """What *work* does with the session; once more with a new one if it was lost."""
        with self._lock:
            try:
                try:
                    return work(self._session)
                except _LOST:
                    self._session = self._login()
                    return work(self._session)
            except pkcs11.exceptions.PKCS11Error as error:
                raise _unavailable(self._module, error) from error

    def _login(self) -> pkcs11.Session:
        try:
            return self._token.open(rw=True, user_pin=self._pin)
        except pkcs11.exceptions.UserAlreadyLoggedIn:
            return self._token.open(rw=True)  # the login is the process's
        except _PIN as error:
            raise MisconfiguredError(
                f"token {self._module.token}",
                f"refuses the PIN ({type(error).__name__})",
                hints=("look into the file of --pin-file; modules lock after a few attempts",),
            ) from error
        except pkcs11.exceptions.PKCS11Error as error:
            raise _unavailable(self._module, error) from error


def _find(module: Module) -> pkcs11.Token:
    try:
        return pkcs11.lib(module.path).get_token(token_label=module.token)
    except pkcs11.exceptions.NoSuchToken as error:
        hint = "see `pkcs11-tool --list-slots` for the labels of tokens"
        raise MisconfiguredError(
            module.path, f"no token {module.token!r}", hints=(hint,)
        ) from error
    except pkcs11.exceptions.MultipleTokensReturned as error:
        raise MisconfiguredError(module.path, f"several tokens {module.token!r}") from error
    except (pkcs11.exceptions.PKCS11Error, RuntimeError, OSError) as error:
        problem = f"cannot be used as a PKCS #11 module ({str(error) or type(error).__name__})"
        raise MisconfiguredError(module.path, problem) from error


def _generate(
    session: pkcs11.Session, curve: ec.EllipticCurve
) -> tuple[ec.EllipticCurvePublicKey, bytes]:
    key_id = os.urandom(_ID_BYTES)
    parameters = session.create_domain_parameters(
        pkcs11.KeyType.EC,
        {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters(curve.name)},
        local=True,
    )
    public, private = parameters.generate_keypair(
        id=key_id,
        label=_LABEL,
        store=True,
        capabilities=pkcs11.MechanismFlag.SIGN | pkcs11.MechanismFlag.VERIFY,
        private_template={
            pkcs11.Attribute.SENSITIVE: True,
            pkcs11.Attribute.EXTRACTABLE: False,
        },
    )
    if private[pkcs11.Attribute.EXTRACTABLE] or not private[pkcs11.Attribute.SENSITIVE]:
        private.destroy()
        raise MisconfiguredError("token", "made a key that can be read")
    return _parsed(public), key_id


def _search(session: pkcs11.Session, key: str) -> tuple[ec.EllipticCurvePublicKey, bytes] | None:
    for public in tuple(_public_keys(session)):
        parsed = _parsed(public)
        if identifier(parsed) == key:
            return parsed, bytes(public[pkcs11.Attribute.ID])
    return None


def _public_keys(session: pkcs11.Session) -> Iterator[pkcs11.Object]:
    return session.get_objects(
        {
            pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PUBLIC_KEY,
            pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.EC,
            pkcs11.Attribute.LABEL: _LABEL,
        }
    )


def _sign(session: pkcs11.Session, key_id: bytes, hashed: bytes) -> bytes:
    private = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, id=key_id)
    if not isinstance(private, pkcs11.SignMixin):
        raise TypeError("a key that cannot sign")
    signature = private.sign(hashed, mechanism=pkcs11.Mechanism.ECDSA)
    return encode_ecdsa_signature(signature)


def _parsed(public: pkcs11.Object) -> ec.EllipticCurvePublicKey:
    if not isinstance(public, pkcs11.PublicKey):
        raise TypeError("not a public key")
    found = load_der_public_key(encode_ec_public_key(public))
    if not isinstance(found, ec.EllipticCurvePublicKey):
        raise TypeError("not a key of an elliptic curve")
    return found


def _unavailable(module: Module, error: Exception) -> UnavailableError:
    return UnavailableError(f"token {module.token}", f"failed ({type(error).__name__})")
