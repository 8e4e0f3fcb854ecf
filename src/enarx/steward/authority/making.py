"""Making an authority, and renewing it: a new intermediate, or a new root.

Everything new is on the disk before the state lists it, so whoever is killed leaves an authority
that works: the old one, or the new one.  What is not listed is removed by the next change.

A new root and the one before it certify each other.  Clients with an older root reach the new
intermediate through the older root's certificate on the new one; clients that were given the new
root only reach certificates from before through its certificate on the older one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519

from enarx.errors import MalformedError, MisconfiguredError
from enarx.pki import issue
from enarx.pki.names import trust_domain
from enarx.steward.authority import state as states
from enarx.steward.authority.authority import (
    LONGEST_LEAF,
    SKEW,
    Authority,
    certificate,
    load,
    read_state,
)
from enarx.steward.authority.directory import PrivateDirectory
from enarx.steward.authority.keys import ENDING, PREFIX, Keys, file_of, identifier
from enarx.steward.authority.state import Intermediate, Module, Root, State

if TYPE_CHECKING:
    from datetime import datetime

    from enarx.pki.signing import PublicKey, Signer
    from enarx.steward.authority.opener import Opener

MAX_NAME = 40
DAYS = 365
ROOT_DAYS = 3650

_UNNOTICED = timedelta(days=1)
"""For how long another process may go on with an intermediate that was replaced."""

_ROOT_LENGTH = states.MAX_ROOTS  # below the first root: the certificates across, an intermediate
_SHOWN = 8
_MAX_DAYS = 36500


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be made.

    Args:
        name: at most 40 printable characters; the names in certificates begin with it.
        trust_domain: of SPIFFE, without the scheme.
        kind: of the keys of certificates: "p256" or "p384".
        days: how long intermediates live.
        root_days: how long roots do.
        module: where keys of certificates are; None for files.
    """

    name: str = "Enarx Steward"
    trust_domain: str = "enarx.local"
    kind: str = "p256"
    days: int = DAYS
    root_days: int = ROOT_DAYS
    module: Module | None = None


_DEFAULT = Wanted()


def initialise(
    directory: str, opener: Opener, wanted: Wanted = _DEFAULT, *, now: datetime
) -> Authority:
    """Make an authority in *directory*, which is there and private.

    Raises:
        MisconfiguredError: there is one, or *wanted* cannot be made.
        UnavailableError: the disk or the module fails; there is none then.
    """
    place = PrivateDirectory(directory)
    _check(wanted)
    with place.locked():
        if states.FILE in place:
            hint = "use another directory, or `enarx steward ca rotate`"
            raise MisconfiguredError(directory, "there is an authority already", hints=(hint,))
        keys = Keys(place, opener, wanted.module)
        maker = _Maker(keys, wanted, now)
        root, signer = maker.root()
        state = State(
            name=wanted.name,
            trust_domain=wanted.trust_domain,
            kind=wanted.kind,
            protection=opener.wrapping.kind,
            module=wanted.module,
            result=keys.put(ec.generate_private_key(ec.SECP384R1())),
            log=keys.put(ed25519.Ed25519PrivateKey.generate()),
            secrets=keys.put(x25519.X25519PrivateKey.generate()),
            roots=(root,),
            intermediates=(maker.below(root, signer),),
        )
        _commit(place, state)
    return load(directory, opener)


def rotate(directory: str, opener: Opener, *, days: int = DAYS, now: datetime) -> Authority:
    """Replace the intermediate; the old one stays until its last certificate can have ended.

    Raises:
        MisconfiguredError: there is no authority, or its root ends too soon.
        UnavailableError: the disk or the module fails; the old one goes on.
    """
    place = PrivateDirectory(directory)
    with place.locked():
        state = read_state(place)
        keys = Keys(place, opener, state.module)
        root = state.roots[0]
        maker = _Maker(keys, _as_made(state, days, ROOT_DAYS), now)
        below = maker.below(root, keys.signer(root.key))
        _commit(place, _renewed(state, state.roots, below, now))
    return load(directory, opener)


def roll_root(
    directory: str, opener: Opener, *, days: int = DAYS, root_days: int = ROOT_DAYS, now: datetime
) -> Authority:
    """Replace root and intermediate; clients that trust an older root go on.

    Raises:
        MisconfiguredError: there is no authority, or there are too many roots.
        UnavailableError: the disk or the module fails; the old one goes on.
    """
    place = PrivateDirectory(directory)
    with place.locked():
        state = read_state(place)
        keys = Keys(place, opener, state.module)
        maker = _Maker(keys, _as_made(state, days, root_days), now)
        older = tuple(root for root in state.roots if _end(root) > now)
        if len(older) == states.MAX_ROOTS:
            raise MisconfiguredError(directory, f"{len(older)} roots are valid, want no more")
        root, signer = maker.root()
        roots = (root, *older)
        if older:
            last = older[0]
            by_older = maker.cross(root, last, keys.signer(last.key))
            by_newer = maker.cross(last, root, signer)
            roots = (replace(root, by_older=by_older), replace(last, by_newer=by_newer), *older[1:])
        _commit(place, _renewed(state, roots, maker.below(root, signer), now))
    return load(directory, opener)


class _Maker:
    """Makes keys with their certificates, at one instant."""

    def __init__(self, keys: Keys, wanted: Wanted, now: datetime) -> None:
        self._keys = keys
        self._wanted = wanted
        self._now = now

    def root(self) -> tuple[Root, Signer]:
        signer = self._keys.make_signer(self._wanted.kind)
        end = self._now + timedelta(days=self._wanted.root_days)
        wanted = self._certificate("root", signer.public_key, end, length=_ROOT_LENGTH)
        return Root(
            key=identifier(signer.public_key), certificate=issue.root(wanted, signer)
        ), signer

    def below(self, root: Root, signer: Signer) -> Intermediate:
        """A new intermediate below *root*, whose key *signer* is."""
        end = self._now + timedelta(days=self._wanted.days)
        if end > _end(root):
            problem = f"ends {_end(root):%Y-%m-%d}, before the intermediate would"
            hint = "enarx steward ca rotate --root, or fewer --days"
            raise MisconfiguredError(f"root of {self._wanted.name}", problem, hints=(hint,))
        key = self._keys.make_signer(self._wanted.kind).public_key
        wanted = self._certificate("intermediate", key, end, length=0)
        made = issue.intermediate(wanted, key, _parsed(root), signer)
        return Intermediate(key=identifier(key), certificate=made)

    def cross(self, subject: Root, issuer: Root, signer: Signer) -> bytes:
        """A certificate on the key of *subject* by *issuer*, whose key *signer* is."""
        key = _parsed(subject).public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise MisconfiguredError(states.FILE, "damaged: a root of another kind")
        end = min(_end(subject), _end(issuer))
        wanted = self._certificate("root", key, end, length=_ROOT_LENGTH)
        return issue.intermediate(wanted, key, _parsed(issuer), signer)

    def _certificate(
        self, role: str, key: PublicKey, end: datetime, *, length: int
    ) -> issue.Authority:
        return issue.Authority(
            name=f"{self._wanted.name} {role} {identifier(key)[:_SHOWN]}",
            serial=x509.random_serial_number(),
            not_before=self._now - SKEW,
            not_after=end,
            trust_domain=self._wanted.trust_domain,
            path_length=length,
        )


def _check(wanted: Wanted) -> None:
    try:
        trust_domain(wanted.trust_domain, "trust domain")
    except MalformedError as error:
        raise MisconfiguredError("trust domain", error.problem) from error
    if not (0 < len(wanted.name) <= MAX_NAME and wanted.name.isprintable()):
        raise MisconfiguredError("name", f"want 1 to {MAX_NAME} printable characters")
    if wanted.kind not in states.KINDS:
        raise MisconfiguredError("key", f"want one of {', '.join(states.KINDS)}")
    if not 0 < wanted.days <= wanted.root_days <= _MAX_DAYS:
        raise MisconfiguredError("days", f"want 1 to those of the root, at most {_MAX_DAYS}")


def _as_made(state: State, days: int, root_days: int) -> Wanted:
    return Wanted(
        name=state.name,
        trust_domain=state.trust_domain,
        kind=state.kind,
        days=days,
        root_days=root_days,
        module=state.module,
    )


def _renewed(state: State, roots: tuple[Root, ...], below: Intermediate, now: datetime) -> State:
    """*state* with a new intermediate, and without what nobody needs any more."""
    until = int((now + LONGEST_LEAF + _UNNOTICED).timestamp())
    old = (replace(one, until=one.until or until) for one in state.intermediates)
    listed = tuple(one for one in old if one.until > now.timestamp())
    if len(listed) == states.MAX_INTERMEDIATES:
        hint = "wait until the certificates of the oldest have ended"
        raise MisconfiguredError("intermediates", f"{len(listed)} are in use", hints=(hint,))
    return replace(state, roots=roots, intermediates=(below, *listed))


def _commit(place: PrivateDirectory, state: State) -> None:
    """Put *state* in place; then nobody needs keys that it does not list."""
    place.put(states.FILE, states.encode(state))
    used = (state.result, state.log, state.secrets)
    roots = (one.key for one in state.roots)
    below = (one.key for one in state.intermediates)
    listed = frozenset(file_of(key) for key in (*used, *roots, *below))
    place.forget(PREFIX, ENDING, keep=listed)


def _parsed(root: Root) -> x509.Certificate:
    return certificate(root.certificate, root.key, states.FILE)


def _end(root: Root) -> datetime:
    return _parsed(root).not_valid_after_utc
