"""The keep's side of a Steward: questions over its own TLS, and a certificate for its own key.

    POST /v1/challenge     {}                  -> 201 {"nonce", "expires"}
    POST /v1/certificate   a request, PKCS#10  -> 201 {"chain", "not_after", "renew_after", …}

Evidence travels in the request, bound to the nonce, the key and the workload.  Whoever answers is
known by the certificate of its TLS alone (``[tls.socket.steward] trust_anchors``), and what is
answered is still checked: that it certifies this key, hangs together and holds now.  Instants are
seconds since 1970.  Refusals are problem documents (RFC 9457).  Secrets are asked for by
`enarx.keep.release`, over the same connections.

Everything that is needed is imported here, because a certificate is renewed when no file can be
opened any more.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from enarx.errors import MalformedError, MisconfiguredError, UnavailableError
from enarx.keep.identity import Identity
from enarx.keep.net.anchors import subject_of
from enarx.keep.net.connecting import advice, tls_connect
from enarx.keep.net.exchange import MAX_BODY, NO_CONTENT, exchange, post
from enarx.keep.net.tls_names import ip_address, to_ascii
from enarx.keep.net.wait import Background
from enarx.pki import request
from enarx.protocol.claims import NONCE_BYTES, IdentityClaims, beside
from enarx.protocol.outcome import legible
from enarx.wire.document import Fields, check_text, load
from enarx.wire.text import base64url, pem_blocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric import ec

    from enarx.keep.clock import Clock
    from enarx.keep.link import Link
    from enarx.keep.net.exchange import Answer
    from enarx.keep.net.tls_context import TlsContext

JSON = "application/json"
PKCS10 = "application/pkcs10"
PROBLEM = "application/problem+json"

_URL = re.compile(r"https://(\[[0-9A-Fa-f:.]+\]|[^\[\]/?#@:\s]+)(?::([0-9]{1,5}))?(/[!-~]*)?")
_HTTPS = 443
_MAX_PORT = 65535
_MAX_CHAIN = 8
_MAX_CERTIFICATE = 64 * 1024
_MAX_FAILURES = 64
_MAX_PROBLEM = 500
_MAX_INSTANT = 1 << 40
_UNREADABLE = (
    ValueError,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_DONE = frozenset((200, 201, NO_CONTENT))
_REDIRECTS = range(300, 400)
_LATER = frozenset((408, 429, *range(500, 600)))

_ACCEPT = "have the Steward's policy accept this workload on this machine"
_ASK_LATER = "try again later, or ask whoever runs the Steward"
_TRUST = "name the authority that certifies the Steward in tls.socket.steward.trust_anchors"
_NO_STEWARD = "check that this is the URL of a Steward, and of its version"


class Url:
    """Where a Steward is: *host* and *port*, and what its paths begin with.

    Raises:
        MisconfiguredError: *text* is no https URL, or has a user, a query or a fragment.
    """

    __slots__ = ("authority", "host", "port", "prefix", "text")

    def __init__(self, text: str, source: str) -> None:
        parts = _URL.fullmatch(text)
        port = int(parts[2] or _HTTPS) if parts else 0
        if parts is None or not 1 <= port <= _MAX_PORT or set(parts[3] or "") & set("?#"):
            raise _no_url(text, source)
        self.text = text
        self.port = port
        self.prefix = (parts[3] or "").rstrip("/")
        self.host = parts[1].strip("[]")
        if ip_address(self.host) is None:
            try:
                self.host = to_ascii(self.host)
            except ValueError:
                raise _no_url(text, source) from None
        place = f"[{self.host}]" if ":" in self.host else self.host
        self.authority = place if port == _HTTPS else f"{place}:{port}"


class Issued:
    """A certificate of a Steward: until when it holds, and when to ask for the next one."""

    __slots__ = ("identity", "not_after_s", "renew_after_s")

    def __init__(self, identity: Identity, *, not_after_s: int, renew_after_s: int) -> None:
        self.identity = identity
        self.not_after_s, self.renew_after_s = not_after_s, renew_after_s


class RefusedError(UnavailableError):
    """A Steward's no, with *status*; those of 500 and above, 408 and 429 are about the moment."""

    def __init__(self, what: str, problem: str, *, status: int, hints: tuple[str, ...]) -> None:
        super().__init__(what, problem, hints=hints)
        self.status = status


class Steward:
    """One Steward, as one keep sees it.

    Args:
        url: where it is.
        link: the way to the broker, which connects, and to whoever gives evidence.
        context: of TLS; it says whom to believe.
        clock: by which certificates are judged.
        workload_digest: "sha256:…" of what this keep runs.
    """

    def __init__(
        self, url: Url, link: Link, context: TlsContext, *, clock: Clock, workload_digest: str
    ) -> None:
        self._url = url
        self._link = link
        self._context = context
        self._clock = clock
        self.workload_digest = workload_digest

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"steward {self._url.text}"

    def certify(self, key: ec.EllipticCurvePrivateKey, *, deadline: float) -> Issued:
        """A certificate for *key*, with fresh evidence for a nonce that the Steward chose.

        Args:
            deadline: an instant of `time.monotonic` by which all of it must be done.

        Raises:
            UnavailableError: the Steward cannot be asked, refuses, or answers what is no
                certificate for *key*; or there is no evidence.
        """
        nonce = self.challenge(deadline=deadline)
        spki = spki_of(key)
        evidence = self.evidence(lambda link: link.prove(spki, nonce, deadline=deadline))
        claims = IdentityClaims(nonce, spki, self.workload_digest).encode()
        wanted = request.make(key, beside(claims, evidence))
        answer = self.ask("/v1/certificate", wanted, PKCS10, deadline=deadline)
        try:
            return _issued(answer, key, self._clock.now_s())
        except MalformedError as error:
            raise self.useless(error) from error

    def challenge(self, *, deadline: float) -> bytes:
        """A nonce of the Steward's, for one request with evidence.

        Raises:
            UnavailableError: there is none before *deadline*, an instant of `time.monotonic`.
        """
        answer = self.ask("/v1/challenge", b"{}", JSON, deadline=deadline)
        try:
            nonce = base64url(answer.text("nonce", most=64), f"{answer.where}: nonce")
            if len(nonce) != NONCE_BYTES:
                answer.refuse("nonce", f"got {len(nonce)} bytes, want {NONCE_BYTES}")
            answer.integer("expires", 1, _MAX_INSTANT)
        except MalformedError as error:
            raise self.useless(error) from error
        return nonce

    def evidence(self, wanted: Callable[[Link], bytes]) -> bytes:
        """What *wanted* gets from the link for the Steward.

        Raises:
            UnavailableError: there is none.
        """
        try:
            return wanted(self._link)
        except OSError as error:
            problem = f"wants evidence, and there is none: {error.strerror}"
            raise UnavailableError(self.name, problem, hints=(_ASK_LATER,)) from error

    def ask(
        self,
        path: str,
        body: bytes,
        media: str,
        *,
        deadline: float,
        most: int = MAX_BODY,
    ) -> Fields:
        """Post *body* to *path*, on a connection of its own: the JSON object that is answered.

        The guest does not run meanwhile, nor do handshakes go on.  Keys that the caller does not
        read are nobody's.

        Args:
            path: begins with a slash.
            media: what *body* is.
            deadline: an instant of `time.monotonic` by which the answer must be there.
            most: bytes that it may have.

        Raises:
            RefusedError: it refuses.
            UnavailableError: it cannot be asked, or answers something else.
        """
        answer = self._post(path, body, media, deadline=deadline, most=most)
        try:
            return _object(answer, _where(path))
        except MalformedError as error:
            raise self.useless(error) from error

    def tell(self, path: str, body: bytes, media: str, *, deadline: float) -> None:
        """Post *body* to *path* as ``ask`` does; what is answered beside success does not matter.

        Raises:
            UnavailableError: it cannot be told, or refuses.
        """
        self._post(path, body, media, deadline=deadline)

    def _post(
        self, path: str, body: bytes, media: str, *, deadline: float, most: int = MAX_BODY
    ) -> Answer:
        try:
            answer = self._exchange(path, body, media, deadline=deadline, most=most)
        except OSError as error:
            raise self._unreachable(error) from error
        except MalformedError as error:
            raise self.useless(error) from error
        if answer.status not in _DONE:
            raise self._refused(answer)
        return answer

    def _exchange(
        self, path: str, body: bytes, media: str, *, deadline: float, most: int
    ) -> Answer:
        url = self._url
        left = max(deadline - time.monotonic(), 0.001)
        fd, peer = self._link.connect(url.host, url.port, left, deadline=deadline)
        stream = tls_connect(
            fd,
            peer,
            self._context,
            server_name=url.host,
            deadline=deadline,
            now_s=self._clock.now_s(),
            background=Background(),
        )
        try:
            question = post(url.authority, url.prefix + path, body, media)
            return exchange(stream, question, deadline=deadline, where=_where(path), most=most)
        finally:
            stream.finish_writing()
            stream.drop()  # nobody is waited for

    def _unreachable(self, error: OSError) -> UnavailableError:
        problem = error.strerror or str(error)
        hint = advice(error) or "start it, or check steward in Enarx.toml and the host's network"
        if "trust anchors" in problem:
            hint = _TRUST
        return UnavailableError(self.name, f"cannot be asked: {problem}", hints=(hint,))

    def useless(self, error: MalformedError) -> UnavailableError:
        """What *error* about an answer means for whoever asked."""
        problem = f"its answer cannot be used: {_line(error.message)}"
        return UnavailableError(self.name, problem, hints=(*error.hints, _NO_STEWARD))

    def _refused(self, answer: Answer) -> UnavailableError:
        if answer.status in _REDIRECTS:
            problem = f"answers with a redirect (status {answer.status}), which is not followed"
            return UnavailableError(self.name, problem, hints=("name the Steward's own URL",))
        said, hints = _explained(answer)
        general = _ASK_LATER if answer.status in _LATER else _ACCEPT
        problem = f"refuses with status {answer.status}{said}"
        return RefusedError(self.name, problem, status=answer.status, hints=hints or (general,))


def spki_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The DER of its public key."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _where(path: str) -> str:
    return f"answer to {path}"


def _no_url(text: str, source: str) -> MisconfiguredError:
    wanted = "https://host, with a port and a path if need be"
    return MisconfiguredError(source, f"got {text[:200]!r}, want {wanted}", path="steward")


def _object(answer: Answer, where: str) -> Fields:
    if answer.media != JSON:
        raise MalformedError(where, f"got {answer.media[:60]!r}, want {JSON}")
    return load(answer.body, where)


def _explained(answer: Answer) -> tuple[str, tuple[str, ...]]:
    """What a problem document says, and the hints in it; nothing if it is none."""
    if answer.media != PROBLEM:
        return "", ()
    said: list[str] = []
    hints: dict[str, None] = {}
    try:
        problem = load(answer.body, "problem")
        said += [_line(problem.text(key)) for key in ("title", "detail") if key in problem]
        listed = problem.objects("failures", _MAX_FAILURES) if "failures" in problem else ()
        for one in listed:
            claim, want, got = (_line(one.text(key)) for key in ("claim", "want", "got"))
            said.append(f"{claim}: got {got}, want {want}")
            if "hint" in one:
                hints[_line(one.text("hint"))] = None
    except MalformedError:
        pass  # what could be read is said
    text = "; ".join(line for line in said if line)
    return (f": {text}" if text else ""), tuple(hint for hint in hints if hint)


def _line(text: str) -> str:
    """A stranger's text, in one line that no terminal obeys."""
    return " ".join(legible(text, _MAX_PROBLEM).split())


def _issued(answer: Fields, key: ec.EllipticCurvePrivateKey, now_s: float) -> Issued:
    """Read and check a certificate.

    Raises:
        MalformedError: it is none for *key*, does not hang together, or does not hold now.
    """
    where = answer.where
    texts = answer.array("chain", _MAX_CHAIN)
    chain = tuple(_certificate(text, f"{where}: chain[{n}]") for n, text in enumerate(texts))
    if not chain:
        answer.refuse("chain", "no certificate")
    not_after = answer.integer("not_after", 1, _MAX_INSTANT)
    renew_after = answer.integer("renew_after", 1, not_after)
    try:
        own = chain[0].public_key() == key.public_key()
    except (ValueError, UnsupportedAlgorithm):
        own = False
    if not own:
        answer.refuse("chain", "the certificate is for another key than this keep's")
    _check_chain(chain, f"{where}: chain", now_s)
    ends = int(chain[0].not_valid_after_utc.timestamp())
    if not_after != ends:
        answer.refuse("not_after", f"got {not_after}, and the certificate says {ends}")
    return Issued(Identity(key, chain), not_after_s=not_after, renew_after_s=renew_after)


def _certificate(text: object, where: str) -> x509.Certificate:
    blocks = pem_blocks(check_text(text, where, most=_MAX_CERTIFICATE).encode(), where, most=1)
    if not blocks or blocks[0][0] != "CERTIFICATE":
        raise MalformedError(where, "want one certificate in PEM")
    try:
        found = x509.load_der_x509_certificate(blocks[0][1])
        _ = (found.subject, found.issuer, found.extensions)  # read late, and refused late
    except _UNREADABLE as error:
        raise MalformedError(where, "is no certificate") from error
    return found


def _check_chain(chain: tuple[x509.Certificate, ...], where: str, now_s: float) -> None:
    """Each is signed by the next, which is an authority, and all hold at *now_s*."""
    now = datetime.fromtimestamp(now_s, UTC)
    for one in chain:
        start, end = one.not_valid_before_utc, one.not_valid_after_utc
        if not start <= now <= end:
            problem = f"{subject_of(one)} holds from {start} to {end}, and now is {now:%F %T}"
            raise MalformedError(where, problem, hints=("check the clock of this machine",))
    for one, issuer in pairwise(chain):
        try:
            one.verify_directly_issued_by(issuer)
            basic = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        except (
            InvalidSignature,
            TypeError,
            UnsupportedAlgorithm,
            ValueError,
            x509.ExtensionNotFound,
        ) as error:
            problem = f"{subject_of(one)} is not issued by {subject_of(issuer)}"
            raise MalformedError(where, problem) from error
        if not basic.ca:
            raise MalformedError(where, f"{subject_of(issuer)} is no authority")
