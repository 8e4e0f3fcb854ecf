"""What guests say to a key broker: the bodies of a request and of an attestation.

    POST auth     {"version", "tee", "extra-params"}
    POST attest   {"init-data": {"format", "body"} | null, "runtime-data": {"nonce", "tee-pubkey"},
                   "tee-evidence": {"primary_evidence", "additional_evidence"}}

The report data are the digest of the canonical JSON of the runtime data and the additional
evidence.  Evidence of further devices is refused: nobody here judges it, and to pass it over would
let a guest believe that somebody did.

Source: trustee, kbs/docs/kbs_attestation_protocol.md, kbs/docs/initdata.md,
kbs/src/attestation/backend.rs and attestation-service/src/lib.rs; guest-components,
attestation-agent/kbs_protocol/src/client/rcar_client.rs; RFC 8785.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.steward.broker.kbs import evidence, jwe
from enarx.wire import canonical
from enarx.wire.document import Fields, check_text, load

if TYPE_CHECKING:
    from enarx.steward.broker.kbs.jwe import TeeKey

VERSION = "0.4.0"
HASHES = ("sha384", "sha512", "sha256")
"""What report data may be a digest of, the preferred first; the first where a guest lists none."""

REPORT_DATA_BYTES = 64
MAX_INIT_DATA = 256 * 1024

_SUPPORTED = "supported-hash-algorithms"
_INIT_DATA_VERSION = "0.1.0"
_MAX_NONCE = 64
_MAX_HASHES = 32
_MAX_NAME = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Which TEE a guest runs in, and the hash that it is to use; *told* if it asked for one."""

    tee: str
    hash: str
    told: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InitData:
    """Settings that a guest was launched with: the text, and its own word for the digest's hash."""

    body: bytes
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """What a guest answers to a challenge; nothing of it is proven."""

    nonce: str
    key: TeeKey
    evidence: bytes
    additional: str
    init_data: InitData | None

    def report_data(self, hash_: str) -> bytes:
        """What its evidence must be bound to, 64 bytes, with *hash_* of ``HASHES``."""
        bound = {
            "additional-evidence": self.additional,
            "nonce": self.nonce,
            "tee-pubkey": dict(self.key.jwk),
        }
        digest = hashlib.new(hash_, canonical.encode(bound)).digest()
        return digest.ljust(REPORT_DATA_BYTES, b"\0")


def read_hello(data: bytes) -> Hello:
    """The request in *data*.

    Raises:
        MalformedError: it is none, of another version, or of a TEE or hashes that are not served.
    """
    fields = load(data, "request")
    fields.one_of("version", (VERSION,))
    tee = fields.one_of("tee", evidence.TEES)
    extra = fields.take("extra-params")
    fields.done()
    if not isinstance(extra, dict) or _SUPPORTED not in extra:
        return Hello(tee=tee, hash=HASHES[0], told=False)
    inner = Fields({_SUPPORTED: extra[_SUPPORTED]}, "request: extra-params")
    known = inner.texts(_SUPPORTED, most=_MAX_HASHES, longest=_MAX_NAME)
    supported = {name.lower() for name in known}
    found = next((name for name in HASHES if name in supported), None)
    if found is None:
        inner.refuse(_SUPPORTED, f"want one of {', '.join(HASHES)}")
    return Hello(tee=tee, hash=found, told=True)


def read_attestation(data: bytes, tee: str) -> Attestation:
    """The attestation of a guest in *tee* in *data*.

    Raises:
        MalformedError: it is none, or has evidence of further devices.
    """
    fields = load(data, "attestation")
    runtime = fields.object("runtime-data")
    nonce = runtime.text("nonce", most=_MAX_NONCE)
    key = jwe.read_key(runtime.object("tee-pubkey"))
    runtime.done()
    composite = fields.object("tee-evidence")
    additional = composite.text("additional_evidence")
    if additional not in ("", "{}"):
        composite.refuse("additional_evidence", "got evidence of devices, which is not judged here")
    primary = evidence.read(tee, composite.object("primary_evidence"))
    composite.done()
    init_data = fields.take("init-data") if "init-data" in fields else None
    fields.done()
    return Attestation(
        nonce=nonce, key=key, evidence=primary, additional=additional,
        init_data=None if init_data is None else read_init_data(init_data),
    )  # fmt: skip


def read_init_data(value: object) -> InitData:
    """The init-data in *value*, TOML.

    Raises:
        MalformedError: it is of another format, or not as its specification says.
    """
    fields = Fields(value, "init-data")
    fields.one_of("format", ("toml",))
    text = fields.text("body", most=MAX_INIT_DATA)
    fields.done()
    try:
        inner = Fields(tomllib.loads(text), "init-data: body")
    except (ValueError, RecursionError) as error:
        raise MalformedError("init-data: body", "is not TOML") from error
    inner.one_of("version", (_INIT_DATA_VERSION,))
    spelled = inner.text("algorithm", most=_MAX_NAME)
    name = spelled.lower().replace("sha-", "sha")
    if name not in HASHES:
        inner.refuse("algorithm", f"got {spelled!r}, want one of {', '.join(HASHES)}")
    data = inner.take("data")
    inner.done()
    if not isinstance(data, dict):
        inner.refuse("data", "want a table of texts")
    for key, item in data.items():
        check_text(item, f"init-data: {key[:_MAX_NAME]}")
    return InitData(body=text.encode(), hash=name)


def workload_of(init_data: InitData | None, host_data: bytes) -> str:
    """The digest of the workload that a guest is, "sha256:…"; empty where nothing says so.

    That is the SHA-256 of its init-data, if their digest is what it was launched with.

    Args:
        host_data: of authentic evidence (`evidence.host_data`).

    Raises:
        MalformedError: it was launched with other init-data than these, or with none.
    """
    if init_data is None:
        return ""
    digest = hashlib.new(init_data.hash, init_data.body).digest()
    size = len(host_data)
    if size not in _HOST_DATA_BYTES or digest[:size].ljust(size, b"\0") != host_data:
        raise MalformedError("init-data", "the guest was launched with others")
    return f"sha256:{hashlib.sha256(init_data.body).hexdigest()}"


_HOST_DATA_BYTES = (32, 48, 64)
