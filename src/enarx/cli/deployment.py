"""One deploy: a keep is launched, proven, given the package, and followed to its end.

The order is the promise.  The host is told which platform is wanted, a nonce, and a label if there
is one; whatever the package holds leaves this machine only inside an envelope that the proven keep
can open.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from enarx.adapters import deployments, owner_key
from enarx.adapters.deployments import Deployment
from enarx.cli.acceptance import summary
from enarx.cli.exit import report_hint, report_note, report_warning
from enarx.client.session import Session
from enarx.client.tls import ChannelTls
from enarx.errors import EnarxError, MalformedError, RejectedError, UnavailableError
from enarx.pki.self_signed import SERIAL_BYTES, self_signed
from enarx.protocol.claims import NONCE_BYTES
from enarx.protocol.outcome import decode
from enarx.seal import envelope, offer, receipt
from enarx.seal.envelope import Content
from enarx.seal.sealing import seal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cryptography.hazmat.primitives.asymmetric import ec

    from enarx.appraisal.verdict import Verdict
    from enarx.attestation import Authentic
    from enarx.cli.acceptance import Demands
    from enarx.client.api import Host
    from enarx.package.manifest import Package
    from enarx.protocol.outcome import Outcome
    from enarx.seal.offer import Offer

    Tell = Callable[[str], None]
    Judged = Callable[[Authentic, Verdict], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be deployed.

    Args:
        name: what messages here call the application.
        label: what the host may call it; empty for nothing.
        options: of the keep (``keep.agent.options``).
    """

    package: Package
    name: str
    label: str
    platform: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    secrets: Mapping[str, bytes]
    options: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A keep that has the package."""

    deployment: Deployment
    path: str
    authentic: Authentic
    verdict: Verdict


def spki_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """SubjectPublicKeyInfo, DER."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def deploy(
    host: Host,
    url: str,
    order: Order,
    demands: Demands,
    *,
    policy: str,
    tell: Tell,
    judged: Judged | None = None,
) -> Deployed:
    """Launch a keep on *host*, prove it, and hand it *order*.

    If anything fails before the keep has the package, the keep is ended, and nothing of the
    package has left in the clear.

    Args:
        policy: the path of the policy, to be kept with the deployment.
        tell: is told each step.
        judged: is given the verdict, good or bad, before anything is sealed.

    Raises:
        EnarxError: it could not be done.
    """
    key = owner_key.load(owner_key.default_directory(os.environ))
    tell(f"launching a keep on {order.platform}")
    nonce = os.urandom(NONCE_BYTES)
    keep = host.create(order.platform, nonce, order.label)
    try:
        made = offer.parse(keep.offer or host.offer(keep.id, nonce))
        tell("verifying its evidence")
        authentic, verdict = _verify(made, demands)
        if judged is not None:
            judged(authentic, verdict)
        accepted = demands.accept(authentic, made.report_data)
        tell("sealing the package to it")
        sealed = seal(_content(order, spki_of(key)), made, accepted, nonce=nonce)
        digest = order.package.digest
        answer = _hand_over(host, keep.id, made, sealed, digest)
    except BaseException:
        with suppress(EnarxError):
            host.delete(keep.id)
        raise
    deployment = Deployment(
        keep=keep.id,
        url=url,
        name=order.name,
        platform=order.platform,
        workload_digest=digest,
        channel_spki=made.content.channel_spki.hex(),
        policy=policy,
        receipt=answer.decode("ascii"),
        deployed=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    )
    path = deployments.save(deployments.default_directory(os.environ), deployment)
    return Deployed(deployment=deployment, path=path, authentic=authentic, verdict=verdict)


def _verify(made: Offer, demands: Demands) -> tuple[Authentic, Verdict]:
    authentic, verdict = demands.judge(made.evidence, made.report_data)
    for line in summary(authentic, verdict):
        report_note(line)
    if authentic.claims.simulated:
        report_warning("SIMULATED: no hardware protects what is deployed from the host")
    return authentic, verdict


def _content(order: Order, owner_spki: bytes) -> Content:
    return Content(
        manifest=order.package.manifest,
        blobs=tuple(blob.data for blob in order.package.blobs),
        owner_spki=owner_spki,
        secrets=order.secrets,
        arguments=order.arguments,
        environment=order.environment,
        options={"not_before_s": int(datetime.now(UTC).timestamp()), **order.options},
    )


def _hand_over(host: Host, keep: str, made: Offer, sealed: bytes, digest: str) -> bytes:
    """The keep's receipt for *sealed*, verified."""
    try:
        answer = host.envelope(keep, sealed)
    except UnavailableError:
        report_hint(
            "whether the keep has the package is unknown: it opens an envelope once, or not"
        )
        raise
    receipt.verify(
        answer,
        made.content.channel_spki,
        workload_digest=digest,
        claims_sha256=made.sha256,
        envelope_sha256=envelope.digest(sealed),
    )
    return answer


class Proven(NamedTuple):
    """A session whose other end is an acceptable keep, and what it said of itself."""

    session: Session
    authentic: Authentic
    verdict: Verdict


def open_session(host: Host, deployment: Deployment, demands: Demands) -> Proven:
    """A session with the keep of *deployment*, proven over its own connection.

    Raises:
        EnarxError: the connection broke, or the other end is not an acceptable keep.
    """
    key = owner_key.load(owner_key.default_directory(os.environ))
    spki = _spki(deployment)
    certificate = self_signed(key, now=datetime.now(UTC), serial=os.urandom(SERIAL_BYTES))
    session = Session(host.channel(deployment.keep), ChannelTls(key, certificate, spki), spki)
    session.open()
    try:
        evidence, bound = session.prove(os.urandom(NONCE_BYTES), deployment.workload_digest)
        authentic, verdict = demands.judge(evidence, bound)
        demands.accept(authentic, bound)
    except BaseException:
        session.close()
        raise
    session.accept()
    return Proven(session, authentic, verdict)


def outcome_of(value: object) -> Outcome:
    """An outcome that a keep told.

    Raises:
        RejectedError: the keep told none.
    """
    if value is None:
        raise RejectedError("the keep has no outcome yet")
    return decode(value)


def _spki(deployment: Deployment) -> bytes:
    try:
        return bytes.fromhex(deployment.channel_spki)
    except ValueError as e:
        raise MalformedError("deployment", "its channel key is no hexadecimal") from e
