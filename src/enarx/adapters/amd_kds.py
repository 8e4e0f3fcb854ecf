"""AMD's key distribution service (``ports.EndorsementSource``): VCEKs, chains, revocation lists.

Source: AMD 57230 rev. 1.00, "VCEK Certificate and KDS Interface Specification", section 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

from enarx.adapters.endorsement_content import recognise
from enarx.adapters.service_url import base_of, host_of
from enarx.errors import EnarxError, MalformedError, UnavailableError
from enarx.ports import Answer
from enarx.tee.endorsements import AmdChainNeed, AmdCrlNeed, Endorsements, VekNeed
from enarx.tee.x509 import MAX_BYTES, MAX_CRL_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.ports import Fetch
    from enarx.tee.endorsements import Need

Kind = Literal["certificates", "crls"]

PORTAL_HINTS = ("is something between here and the service, such as a captive portal or a proxy?",)
"""Advice where a server sent something else than it is for."""

URL = "https://kdsintf.amd.com"

_OK = 200
_VLEK_HINTS = (
    "take it from the provider: it is in the certificate table of the extended report (auxblob)",
    "then give it with --endorsements FILE",
)


class AmdKds:
    """The service at *url*, or a mirror with the same paths."""

    def __init__(self, fetch: Fetch, url: str = URL) -> None:
        self._fetch = fetch
        self._base = base_of(url, "--kds")
        self._host = host_of(self._base, "--kds")

    def serves(self, need: Need) -> bool:
        """Whether *need* is about AMD's evidence."""
        return isinstance(need, VekNeed | AmdChainNeed | AmdCrlNeed)

    def answer(self, need: Need) -> Answer:
        """A VEK of the first product that has it; chains and lists of every product that may be.

        Raises:
            UnavailableError: the service is not there, or does not have it.
            MalformedError: what it sent is something else.
        """
        match need:
            case VekNeed(signer="vlek"):
                problem = "AMD hands it out to the cloud provider only"
                raise UnavailableError("VLEK certificate", problem, hints=_VLEK_HINTS)
            case VekNeed(hwid=b""):
                hint = "unmask CHIP_ID on the host, or give the certificate with --endorsements"
                problem = "the report's CHIP_ID is masked, and AMD finds chips by it"
                raise UnavailableError("VCEK certificate", problem, hints=(hint,))
            case VekNeed():
                return self._vcek(need)
            case AmdChainNeed():
                paths = tuple(f"/{need.signer}/v1/{p}/cert_chain" for p in need.products)
                return self._all(paths, "certificates", need.products)
            case AmdCrlNeed():
                paths = tuple(f"/{need.signer}/v1/{p}/crl" for p in need.products)
                return self._all(paths, "crls", need.products)
        raise TypeError(f"not AMD's: {need!r}")

    def _vcek(self, need: VekNeed) -> Answer:
        tried = list(zip(need.products, need.tcb, strict=True))
        for product, tcb in tried:
            path = f"/vcek/v1/{product}/{need.hwid.hex()}?{urlencode(tcb)}"
            found, status = self._get(path, "certificates", MAX_BYTES)
            if found is not None:
                return Answer(endorsements=found, source=self._base + path)
        versions = "; ".join(
            f"{product}: " + ", ".join(f"{name} {value}" for name, value in tcb)
            for product, tcb in tried
        )
        hint = "is it evidence of real hardware, and REPORTED_TCB one that the chip has had?"
        problem = f"has no VCEK of chip {need.hwid.hex()} for {versions} (status {status})"
        raise UnavailableError(self._host, problem, hints=(hint,))

    def _all(self, paths: tuple[str, ...], kind: Kind, products: tuple[str, ...]) -> Answer:
        """The answers of *paths* together: with several products, which one is needed is open."""
        found = Endorsements()
        sources = []
        errors: list[EnarxError] = []
        for path, product in zip(paths, products, strict=True):
            try:
                part, status = self._get(path, kind, MAX_CRL_BYTES)
            except (UnavailableError, MalformedError) as e:
                errors.append(e)
                continue
            if part is None:
                problem = f"has no {_WORDS[kind]} of {product} (status {status})"
                errors.append(UnavailableError(self._host, problem))
                continue
            found += part
            sources.append(self._base + path)
        if errors and not found:
            raise errors[0]
        return Answer(endorsements=found, source=" ".join(sources))

    def _get(self, path: str, kind: Kind, most: int) -> tuple[Endorsements | None, int]:
        reply = self._fetch.get(self._base + path, most_bytes=most)
        if reply.status != _OK:
            return None, reply.status
        try:
            found, _ = recognise(reply.body, self._host)
        except MalformedError:
            found = Endorsements()
        if not getattr(found, kind):
            shown = reply.headers.get("content-type", "no content type")[:80]
            problem = f"sent something else than a {_WORDS[kind]} for {path[:80]} ({shown})"
            raise MalformedError(self._host, problem, hints=PORTAL_HINTS)
        return found, reply.status


_WORDS: Mapping[Kind, str] = {"certificates": "certificate chain", "crls": "revocation list"}
