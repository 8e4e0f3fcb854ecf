"""Secrets of a Steward's, sealed to one-time keys of this keep before its application starts.

    POST /v1/secrets/release               {"claims", "evidence"}
                                           -> 201 {"release", "kem", "sealed", …}
    POST /v1/secrets/release/{id}/receipt  signed by the keep's key -> 204

The Steward seals to one of the keys in the claims, which the evidence is bound to, and binds what
it seals to the claims.  A key opens once and is erased.  No message has a value.

Source: docs/design/formats/claims.md, receipt.md.
"""

from __future__ import annotations

import hashlib
import re
import time

from enarx.errors import MalformedError, UnavailableError
from enarx.keep.steward import JSON, RefusedError, spki_of
from enarx.protocol.claims import SecretsClaims
from enarx.seal.receipt import Receipt
from enarx.seal.suite import KEMS, CannotOpenError, OneTimeKey
from enarx.wire import canonical
from enarx.wire.document import dump
from enarx.wire.text import base64url, to_base64url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cryptography.hazmat.primitives.asymmetric import ec

    from enarx.keep.clock import Clock
    from enarx.keep.steward import Steward
    from enarx.package.model import Secret
    from enarx.wire.document import Fields

PROFILE = "tag:github.com,2026:enarx/secrets/1"
RECEIPT = "application/vnd.enarx.receipt.v1+json"

FETCH_S = 20.0
"""How long a keep waits for all of its secrets."""

MAX_ANSWER = 9_000_000
"""Bytes of an answer: 64 secrets of 64 KiB, in base64 twice."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PATH = "/v1/secrets/release"
_NOT_GIVEN = frozenset((403, 404, 409))  # not allowed, not there, no use left
_ASK = (
    "have it put there, and allowed for this workload: enarx steward secret, enarx steward policy"
)


class Wanted:
    """Who asks whom for secrets: one keep, with the *key* that signs its receipts.

    Args:
        clock: of receipts.
        log: takes a level and a text, for whoever runs the keep.
    """

    __slots__ = ("_clock", "_deadline", "_key", "_log", "_steward")

    def __init__(
        self,
        steward: Steward,
        key: ec.EllipticCurvePrivateKey,
        *,
        clock: Clock,
        log: Callable[[str, str], None],
    ) -> None:
        self._steward, self._key = steward, key
        self._clock, self._log = clock, log
        self._deadline = time.monotonic() + FETCH_S

    def fetch(self, secrets: Sequence[Secret]) -> dict[str, bytes]:
        """The values of *secrets* by name, without those optional ones that are refused.

        All are asked for at once.  If that is refused and some are optional, the needed ones are
        asked for at once, then each optional one by itself, so that no word of the Steward's
        decides which one it did not give.

        Raises:
            UnavailableError: the Steward cannot be asked, or refuses one that is needed.
        """
        names = tuple(one.name for one in secrets)
        optional = tuple(one.name for one in secrets if one.optional)
        if not optional:
            return self._needed(names)
        try:
            return self._release(names)
        except RefusedError as error:
            if error.status not in _NOT_GIVEN:
                raise
            if len(names) == 1:
                self._say_missing(names[0], error)
                return {}
        needed = tuple(name for name in names if name not in optional)
        found = self._needed(needed) if needed else {}
        for name in optional:
            try:
                found |= self._release((name,))
            except RefusedError as error:
                if error.status not in _NOT_GIVEN:
                    raise
                self._say_missing(name, error)
        return found

    def _needed(self, names: tuple[str, ...]) -> dict[str, bytes]:
        try:
            return self._release(names)
        except RefusedError as error:
            if error.status not in _NOT_GIVEN:
                raise
            problem = f"{error.problem} (asked for {', '.join(names)})"
            raise UnavailableError(error.what, problem, hints=(_ASK,)) from error

    def _say_missing(self, name: str, error: RefusedError) -> None:
        self._log("warn", f"secrets.{name}: none, and it is optional: {error}")

    def _release(self, names: tuple[str, ...]) -> dict[str, bytes]:
        """Ask once, open what comes, and confirm it."""
        steward, key = self._steward, self._key
        nonce, spki = steward.challenge(deadline=self._deadline), spki_of(key)
        keys = {kem: OneTimeKey(kem) for kem in KEMS}
        try:
            suites = {kem: one.public for kem, one in keys.items()}
            claims = SecretsClaims(
                nonce, suites, spki, workload_digest=steward.workload_digest, names=names
            ).encode()
            evidence = steward.evidence(
                lambda link: link.vouch(nonce, spki, suites, names, deadline=self._deadline)
            )
            answer = self._ask(claims, evidence)
            try:
                release, kem, sealed = _parts(answer)
                found = _open(keys[kem], sealed, hashlib.sha256(claims).digest(), names)
            except MalformedError as error:
                raise steward.useless(error) from error
        finally:
            for one in keys.values():
                one.erase()
        self._log("info", f"{steward.name}: gave {', '.join(names)} (release {release})")
        self._confirm(release, claims, sealed)
        return found

    def _ask(self, claims: bytes, evidence: bytes) -> Fields:
        """Ask for a release; once more where the answer is lost, which counts no other use."""
        body = dump({"claims": to_base64url(claims), "evidence": to_base64url(evidence)})
        steward = self._steward
        try:
            return steward.ask(_PATH, body, JSON, deadline=self._deadline, most=MAX_ANSWER)
        except RefusedError:
            raise
        except UnavailableError as error:
            self._log("info", f"{error}; asked again")
        return steward.ask(_PATH, body, JSON, deadline=self._deadline, most=MAX_ANSWER)

    def _confirm(self, release: str, claims: bytes, sealed: bytes) -> None:
        """Send the receipt; the Steward's record is the poorer without it, the keep is not."""
        signed = Receipt(
            workload_digest=self._steward.workload_digest,
            claims_sha256=hashlib.sha256(claims).digest(),
            envelope_sha256=hashlib.sha256(sealed).digest(),
            time=int(self._clock.now_s()),
        ).sign(self._key)
        path = f"{_PATH}/{release}/receipt"
        try:
            self._steward.tell(path, signed, RECEIPT, deadline=self._deadline)
        except UnavailableError as error:
            self._log("warn", f"the receipt for release {release} was not taken: {error}")


def _parts(answer: Fields) -> tuple[str, str, bytes]:
    """The release's id, the mechanism, and what is sealed.

    Raises:
        MalformedError: they are not there, or of another shape.
    """
    release = answer.text("release", most=64)
    if not _ID.fullmatch(release):
        answer.refuse("release", "want 1 to 64 of A-Z a-z 0-9 _ -")
    kem = answer.one_of("kem", KEMS)
    text = answer.text("sealed", most=MAX_ANSWER)
    return release, kem, base64url(text, f"{answer.where}: sealed")


def _open(key: OneTimeKey, sealed: bytes, info: bytes, names: tuple[str, ...]) -> dict[str, bytes]:
    """What is sealed to *key*: the secrets *names* and no others.

    Raises:
        MalformedError: it cannot be opened, or is something else; no message shows what.
    """
    try:
        content = key.open(sealed, info)
    except CannotOpenError:
        raise MalformedError("sealed secrets", "cannot be opened with this keep's key") from None
    try:
        fields = canonical.decode(content, "content")
        fields.one_of("profile", (PROFILE,))
        inner = fields.object("secrets")
        found = {name: base64url(inner.text(name), "value") for name in names}
        inner.done()
        fields.done()
    except MalformedError:  # its text may have a value
        problem = f"do not hold exactly {', '.join(names)}"
        raise MalformedError("sealed secrets", problem) from None
    return found
