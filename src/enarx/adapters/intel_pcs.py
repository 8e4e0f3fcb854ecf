"""Intel's provisioning certification service and its caches (``ports.EndorsementSource``).

PCS and PCCS speak one API, version 4.  They differ where the revocation list of the root comes
from, in which form lists arrive, and in what identifies a platform.  Bodies are kept as they
arrive: the signature of a TCB info covers its exact bytes.  Issuer chains come in headers, as PEM
with percent signs.

Sources: Intel PCS API version 4 (api.portal.trustedservices.intel.com); Intel SGX and TDX PCCS
Design Guide, DCAP 1.22, chapter 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlencode

from enarx.adapters.amd_kds import PORTAL_HINTS
from enarx.adapters.endorsement_content import recognise
from enarx.adapters.service_url import base_of, host_of
from enarx.errors import MalformedError, MisconfiguredError, UnavailableError
from enarx.ports import Answer
from enarx.tee.dcap import signed_json
from enarx.tee.endorsements import (
    Endorsements,
    IntelRootCrlNeed,
    PckCrlNeed,
    PckNeed,
    QeIdentityNeed,
    TcbInfoNeed,
)
from enarx.tee.x509 import MAX_BYTES, MAX_CRL_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.ports import Fetch, Reply
    from enarx.tee.endorsements import Need

URL = "https://api.trustedservices.intel.com"
ROOT_CRL_URL = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
API_KEY_VARIABLE = "ENARX_INTEL_API_KEY"

Update = Literal["", "early", "standard"]
Kind = Literal["certificates", "crls", "qe_identities", "tcb_infos"]

_OK = 200
_API = "/{tee}/certification/v4"
_COPIED = ("/sgx/certification/v4", "/tdx/certification/v4")
_KEY_HEADER = "ocp-apim-subscription-key"
_PCE_SVN_BYTES = 2
_TCB_CHAIN = ("tcb-info-issuer-chain", "sgx-tcb-info-issuer-chain")
_QE_CHAIN = ("sgx-enclave-identity-issuer-chain",)
_CRL_CHAIN = ("sgx-pck-crl-issuer-chain",)
_PCK_CHAIN = ("sgx-pck-certificate-issuer-chain",)
_WORDS: Mapping[Kind, str] = {
    "certificates": "PCK certificate",
    "crls": "revocation list",
    "qe_identities": "QE identity",
    "tcb_infos": "TCB info",
}


class IntelPcs:
    """Intel's service at *url*, or a mirror with the same paths.

    Args:
        root_crl_url: where the root's revocation list is; Intel publishes it on another host.
        update: "early" for TCB levels before platforms must have them; empty for the default.
        evaluation_number: ask for this ``tcbEvaluationDataNumber`` instead.
        api_key: for PCK certificates, which Intel hands out to subscribers; secret.
    """

    def __init__(
        self,
        fetch: Fetch,
        url: str = URL,
        *,
        root_crl_url: str = ROOT_CRL_URL,
        update: Update = "",
        evaluation_number: int | None = None,
        api_key: str = "",
    ) -> None:
        self._api = _Api(fetch, base_of(url, "--pcs", suffixes=_COPIED), "--pcs")
        self._root = _Api(fetch, base_of(root_crl_url, "--root-crl"), "--root-crl")
        self._choice = _choice(update, evaluation_number)
        self._key = _checked_key(api_key)

    def serves(self, need: Need) -> bool:
        """Whether *need* is about Intel's evidence."""
        return isinstance(need, _INTEL)

    def answer(self, need: Need) -> Answer:
        """What the service has, with the chain of its signer.

        Raises:
            UnavailableError: the service is not there, or does not have it.
            MalformedError: what it sent is something else.
        """
        match need:
            case IntelRootCrlNeed():
                return self._root.ask("", "crls", "Intel's root CA", ())
            case PckNeed(encrypted_ppid=b""):
                problem = "finds platforms only by their encrypted PPID, which the quote lacks"
                raise UnavailableError(self._api.host, problem, hints=(_PCCS_HINT,))
            case PckNeed():
                query = _platform(need)
                headers = {_KEY_HEADER: self._key} if self._key else {}
                return self._api.pck(need, query, headers)
        return self._api.collateral(need, self._choice)


class IntelPccs:
    """A provisioning certificate caching service, as operators run beside their machines.

    Args:
        update, evaluation_number: as for ``IntelPcs``.
    """

    def __init__(
        self,
        fetch: Fetch,
        url: str,
        *,
        update: Update = "",
        evaluation_number: int | None = None,
    ) -> None:
        self._api = _Api(fetch, base_of(url, "--pccs", suffixes=_COPIED), "--pccs")
        self._choice = _choice(update, evaluation_number)

    def serves(self, need: Need) -> bool:
        """Whether *need* is about Intel's evidence."""
        return isinstance(need, _INTEL)

    def answer(self, need: Need) -> Answer:
        """What the service has, with the chain of its signer; raises like ``IntelPcs``."""
        match need:
            case IntelRootCrlNeed():
                path = f"{_API.format(tee='sgx')}/rootcacrl"
                return self._api.ask(path, "crls", "Intel's root CA", ())
            case PckNeed():
                return self._api.pck(need, {"qeid": need.qe_id.hex(), **_platform(need)}, {})
        return self._api.collateral(need, self._choice)


_INTEL = (TcbInfoNeed, QeIdentityNeed, PckCrlNeed, IntelRootCrlNeed, PckNeed)
_PCCS_HINT = "a PCCS may find it by the QE's identity: --pccs URL"


class _Api:
    """The paths that PCS and PCCS have in common."""

    def __init__(self, fetch: Fetch, base: str, source: str) -> None:
        self._fetch = fetch
        self._base = base
        self.host = host_of(base, source)

    def collateral(self, need: Need, choice: Mapping[str, str]) -> Answer:
        match need:
            case TcbInfoNeed(tee=tee, fmspc=fmspc):
                query = {"fmspc": fmspc.hex().upper(), **choice}
                path = f"{_API.format(tee=tee)}/tcb?{urlencode(query)}"
                return self.ask(path, "tcb_infos", f"{tee.upper()} {fmspc.hex()}", _TCB_CHAIN)
            case QeIdentityNeed(tee=tee):
                suffix = f"?{urlencode(choice)}" if choice else ""
                path = f"{_API.format(tee=tee)}/qe/identity{suffix}"
                return self.ask(path, "qe_identities", tee.upper(), _QE_CHAIN)
            case PckCrlNeed(ca=ca):
                path = f"{_API.format(tee='sgx')}/pckcrl?ca={ca}&encoding=der"
                return self.ask(path, "crls", f"the PCK {ca} CA", _CRL_CHAIN)
        raise TypeError(f"not Intel's: {need!r}")

    def pck(self, need: PckNeed, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        path = f"{_API.format(tee='sgx')}/pckcert?{urlencode(query)}"
        what = f"CPU SVN {need.cpu_svn.hex()}, PCE SVN {need.pce_svn}"
        return self.ask(path, "certificates", what, _PCK_CHAIN, headers)

    def ask(
        self,
        path: str,
        kind: Kind,
        what: str,
        chain: tuple[str, ...],
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """What *path* has, which must be of *kind*, and the certificates in a header of *chain*."""
        url = self._base + path
        reply = self._fetch.get(url, most_bytes=_MOST[kind], headers=headers)
        if reply.status != _OK:
            raise self._refusal(reply, f"{_WORDS[kind]} of {what}")
        try:
            found, _ = recognise(reply.body, self.host)
        except MalformedError:
            found = Endorsements()
        if not getattr(found, kind):
            shown = reply.headers.get("content-type", "no content type")[:80]
            problem = f"sent something else than the {_WORDS[kind]} of {what} ({shown})"
            raise MalformedError(self.host, problem, hints=PORTAL_HINTS)
        return Answer(endorsements=found + self._chain(reply, chain), source=url)

    def _chain(self, reply: Reply, names: tuple[str, ...]) -> Endorsements:
        if not names:
            return Endorsements()
        value = next((reply.headers[name] for name in names if name in reply.headers), None)
        if value is None:
            raise MalformedError(self.host, f"sent no header {names[0]}")
        where = f"{self.host}: header {names[0]}"
        found, _ = recognise(unquote(value).encode("utf-8", "replace"), where)
        if not found.certificates:
            raise MalformedError(where, "holds no certificate")
        return found

    def _refusal(self, reply: Reply, what: str) -> UnavailableError:
        said = reply.headers.get("error-message", "")[:200]
        problem = f"has no {what} (status {reply.status}{': ' + said if said else ''})"
        return UnavailableError(self.host, problem, hints=_STATUS_HINTS.get(reply.status, ()))


_MOST: Mapping[Kind, int] = {
    "certificates": MAX_BYTES,
    "crls": 2 * MAX_CRL_BYTES,  # PCCS sends hexadecimal
    "qe_identities": signed_json.MAX_BYTES,
    "tcb_infos": signed_json.MAX_BYTES,
}
_KEY_HINT = f"Intel's service wants a subscription's key for this: put it in {API_KEY_VARIABLE}"
_STATUS_HINTS: Mapping[int, tuple[str, ...]] = {
    401: (_KEY_HINT,),
    403: (_KEY_HINT,),
    404: ("is it evidence of real hardware, and of a platform that is registered with Intel?",),
}


def _platform(need: PckNeed) -> dict[str, str]:
    """What identifies a platform and its TCB, in the byte order of the quote."""
    return {
        "encrypted_ppid": need.encrypted_ppid.hex(),
        "cpusvn": need.cpu_svn.hex(),
        "pcesvn": need.pce_svn.to_bytes(_PCE_SVN_BYTES, "little").hex(),
        "pceid": need.pce_id.hex(),
    }


def _choice(update: Update, evaluation_number: int | None) -> dict[str, str]:
    """Which of several TCB infos: Intel refuses both parameters together."""
    if update and evaluation_number is not None:
        hint = "give one of them: a number already says which TCB info"
        raise MisconfiguredError("--update", "excludes --evaluation-number", hints=(hint,))
    if evaluation_number is not None:
        return {"tcbEvaluationDataNumber": str(evaluation_number)}
    return {"update": update} if update else {}


def _checked_key(key: str) -> str:
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise MisconfiguredError(API_KEY_VARIABLE, "is not a key")
    return key
