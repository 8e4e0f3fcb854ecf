"""Intel's service and its caches are asked through one API, and bodies are kept as they arrive."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from enarx.adapters.http_fetch import HttpFetch
from enarx.adapters.intel_pcs import IntelPccs, IntelPcs
from enarx.errors import EnarxError, MalformedError, MisconfiguredError, UnavailableError
from enarx.tee.endorsements import (
    AmdCrlNeed,
    Endorsements,
    IntelRootCrlNeed,
    Need,
    PckCrlNeed,
    PckNeed,
    QeIdentityNeed,
    TcbInfoNeed,
)

if TYPE_CHECKING:
    from tests.adapters.conftest import Web

    from enarx.tee.simulated.sgx import SimulatedSgx
    from enarx.tee.simulated.tdx import SimulatedTdx

FMSPC = bytes.fromhex("00806f050000")
TCB = "/tdx/certification/v4/tcb?fmspc=00806F050000"
QE = "/tdx/certification/v4/qe/identity"
TCB_NEED, QE_NEED = TcbInfoNeed(tee="tdx", fmspc=FMSPC), QeIdentityNeed(tee="tdx")
CRL_NEED, ROOT_NEED = PckCrlNeed(ca="platform"), IntelRootCrlNeed()
PCK_NEED = PckNeed(
    encrypted_ppid=b"\xee" * 384,
    cpu_svn=bytes(range(16)),
    pce_svn=0x010D,
    pce_id=b"\x00\x02",
    qe_id=b"\xaa" * 16,
)
PLATFORM = (
    f"encrypted_ppid={'ee' * 384}&cpusvn=000102030405060708090a0b0c0d0e0f&pcesvn=0d01&pceid=0002"
)
PCK_PATH = f"/sgx/certification/v4/pckcert?{PLATFORM}"


@pytest.fixture
def pcs(fetch: HttpFetch, web: Web) -> IntelPcs:
    """The adapter for the local server, which has both of Intel's hosts."""
    return IntelPcs(fetch, web.url, root_crl_url=f"{web.url}/IntelSGXRootCA.der")


@pytest.fixture
def pccs(fetch: HttpFetch, web: Web) -> IntelPccs:
    """The adapter for a cache."""
    return IntelPccs(fetch, web.url)


def failure(source: IntelPcs | IntelPccs, need: Need) -> EnarxError:
    """The error that asking ends in."""
    with pytest.raises(EnarxError) as caught:
        source.answer(need)
    return caught.value


def test_collateral_comes_with_the_chain_of_its_signer(
    pcs: IntelPcs, pccs: IntelPccs, web: Web, tdx: SimulatedTdx, as_pcs: Callable[..., Endorsements]
) -> None:
    """From the service and from a cache: the same bytes, and the certificates of the headers."""
    bag = as_pcs(web, tdx)
    _, signing, authority, root = bag.certificates
    for source in (pcs, pccs):
        assert source.answer(TCB_NEED).endorsements == Endorsements(
            certificates=(signing, root), tcb_infos=bag.tcb_infos
        )
        assert source.answer(QE_NEED).endorsements == Endorsements(
            certificates=(signing, root), qe_identities=bag.qe_identities
        )
        assert source.answer(CRL_NEED).endorsements == Endorsements(
            certificates=(authority, root), crls=bag.crls[:1]
        )
        assert source.answer(ROOT_NEED).endorsements == Endorsements(crls=bag.crls[1:])
    assert pcs.answer(TCB_NEED).source == web.url + TCB
    assert web.paths()[3] == "/IntelSGXRootCA.der"
    assert web.paths()[7] == "/sgx/certification/v4/rootcacrl"


def test_sgx_has_paths_and_a_header_of_its_own(
    pcs: IntelPcs,
    web: Web,
    sgx: SimulatedSgx,
    as_pcs: Callable[..., Endorsements],
    tdx: SimulatedTdx,
) -> None:
    """Older answers name the header of the chain otherwise."""
    signing, _, root = as_pcs(web, tdx).certificates[1:]
    bag = sgx.endorsements()
    chain = {"SGX-TCB-Info-Issuer-Chain": web_chain(web, TCB)}
    web.on("/sgx/certification/v4/tcb?fmspc=00806F050000", (200, chain, bag.tcb_infos[0]))
    found = pcs.answer(TcbInfoNeed(tee="sgx", fmspc=FMSPC)).endorsements
    assert found == Endorsements(certificates=(signing, root), tcb_infos=bag.tcb_infos)


def web_chain(web: Web, path: str) -> str:
    """The chain in the header of a planned reply."""
    reply = web.next(path, {})
    assert isinstance(reply, tuple)
    return next(value for name, value in reply[1].items() if name.endswith("Issuer-Chain"))


def test_a_pck_certificate_is_asked_for_with_the_key(
    fetch: HttpFetch, web: Web, tdx: SimulatedTdx
) -> None:
    """The key goes into a header and nowhere else; a cache gets the QE's identity and no key."""
    pck, authority, root = tdx.machine.certificates()
    chain = {"SGX-PCK-Certificate-Issuer-Chain": quote(pem(authority, root))}
    body = pem(pck).encode()
    web.on(PCK_PATH, (200, chain, body))
    web.on(PCK_PATH.replace("?", f"?qeid={'aa' * 16}&"), (200, chain, body))
    answer = IntelPcs(fetch, web.url, api_key="key-of-ours").answer(PCK_NEED)
    assert answer.endorsements.certificates == (pck, authority, root)
    assert "key-of-ours" not in answer.source
    assert web.asked[-1][1]["ocp-apim-subscription-key"] == "key-of-ours"
    assert IntelPccs(fetch, web.url).answer(PCK_NEED).endorsements == answer.endorsements
    assert "ocp-apim-subscription-key" not in web.asked[-1][1]


def pem(*certificates: bytes) -> str:
    """Certificates in PEM."""
    from base64 import encodebytes

    return "".join(
        f"-----BEGIN CERTIFICATE-----\n{encodebytes(der).decode()}-----END CERTIFICATE-----\n"
        for der in certificates
    )


def test_a_refusal_for_want_of_a_key_says_so(pcs: IntelPcs, web: Web) -> None:
    """401 and 403 have a remedy, and Intel's own words are shown."""
    web.on(PCK_PATH, (401, {"Error-Message": "Access denied due to missing key"}, b""))
    error = failure(pcs, PCK_NEED)
    assert "(status 401: Access denied due to missing key)" in str(error)
    assert any("ENARX_INTEL_API_KEY" in hint for hint in error.hints)


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "ü"])
def test_a_key_that_is_none_is_not_shown(fetch: HttpFetch, web: Web, key: str) -> None:
    """A header cannot hold it, and the error must not."""
    with pytest.raises(MisconfiguredError) as caught:
        IntelPcs(fetch, web.url, api_key=key)
    assert str(caught.value) == "ENARX_INTEL_API_KEY: is not a key"


def test_a_clear_ppid_is_for_caches_only(pcs: IntelPcs, web: Web) -> None:
    """Intel finds platforms by the encrypted one."""
    need = PckNeed(encrypted_ppid=b"", cpu_svn=bytes(16), pce_svn=1, pce_id=bytes(2), qe_id=b"q")
    error = failure(pcs, need)
    assert "encrypted PPID" in str(error)
    assert any("--pccs" in hint for hint in error.hints)
    assert web.asked == []


@pytest.mark.parametrize(
    ("need", "words"),
    [
        (TCB_NEED, "TCB info of TDX 00806f050000"),
        (QE_NEED, "QE identity of TDX"),
        (CRL_NEED, "revocation list of the PCK platform CA"),
        (ROOT_NEED, "revocation list of Intel's root CA"),
        (PCK_NEED, "PCK certificate of CPU SVN 000102030405060708090a0b0c0d0e0f, PCE SVN 269"),
    ],
)
def test_what_is_not_there_is_named(pcs: IntelPcs, pccs: IntelPccs, need: Need, words: str) -> None:
    """404 is an error that says what was asked for."""
    for source in (pcs, pccs):
        error = failure(source, need)
        assert isinstance(error, UnavailableError)
        assert error.problem == f"has no {words} (status 404)"


def test_another_choice_of_tcb_info_is_asked_for(fetch: HttpFetch, web: Web) -> None:
    """Early levels, or those of one evaluation number; not both."""
    for options, query in (
        ({"update": "early"}, "update=early"),
        ({"update": "standard"}, "update=standard"),
        ({"evaluation_number": 17}, "tcbEvaluationDataNumber=17"),
    ):
        for source in (
            IntelPcs(fetch, web.url, **options),  # type: ignore[arg-type]
            IntelPccs(fetch, web.url, **options),  # type: ignore[arg-type]
        ):
            failure(source, TCB_NEED)
            failure(source, QE_NEED)
            assert web.paths()[-2:] == [f"{TCB}&{query}", f"{QE}?{query}"]
    with pytest.raises(MisconfiguredError, match="excludes"):
        IntelPcs(fetch, web.url, update="early", evaluation_number=17)


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ({}, "sent no header tcb-info-issuer-chain"),
        ({"TCB-Info-Issuer-Chain": ""}, "header tcb-info-issuer-chain"),
        ({"TCB-Info-Issuer-Chain": "%FF%00"}, "not an endorsement"),
        ({"TCB-Info-Issuer-Chain": "-----BEGIN%20CERTIFICATE-----%0AAAAA"}, "has no end"),
        ({"TCB-Info-Issuer-Chain": quote("-----BEGIN X-----\nAAAA\n-----END X-----")}, "'X'"),
        ({"TCB-Info-Issuer-Chain": "%7B%7D"}, "no TCB info"),
    ],
)
def test_a_bad_chain_in_a_header_is_named(
    pcs: IntelPcs, web: Web, tdx: SimulatedTdx, headers: dict[str, str], problem: str
) -> None:
    """The body alone would not verify; the error says which header."""
    web.on(TCB, (200, headers, tdx.endorsements().tcb_infos[0]))
    error = failure(pcs, TCB_NEED)
    assert isinstance(error, MalformedError)
    assert problem in str(error)


def test_a_list_in_the_place_of_a_chain_is_refused(
    pcs: IntelPcs, web: Web, tdx: SimulatedTdx
) -> None:
    """A header must hold certificates."""
    bag = tdx.endorsements()
    crl = pem(bag.crls[0]).replace("CERTIFICATE", "X509 CRL")
    web.on(TCB, (200, {"TCB-Info-Issuer-Chain": quote(crl)}, bag.tcb_infos[0]))
    assert str(failure(pcs, TCB_NEED)).endswith("issuer-chain: holds no certificate")


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"", b'{"enclaveIdentity":{},"signature":""}'])
def test_something_else_than_a_tcb_info_is_not_passed_on(
    pcs: IntelPcs, web: Web, body: bytes
) -> None:
    """Also another kind of collateral."""
    web.on(TCB, (200, {"Content-Type": "text/html"}, body))
    error = failure(pcs, TCB_NEED)
    assert "something else than the TCB info of TDX 00806f050000 (text/html)" in str(error)


def test_the_address_may_be_copied_with_its_path(
    fetch: HttpFetch, web: Web, tdx: SimulatedTdx, as_pcs: Callable[..., Endorsements]
) -> None:
    """As Intel's own configuration files write it."""
    as_pcs(web, tdx)
    for end in ("", "/", "/sgx/certification/v4", "/sgx/certification/v4/"):
        assert IntelPccs(fetch, web.url + end).answer(QE_NEED).endorsements.qe_identities


def test_an_address_that_is_none_names_its_flag(fetch: HttpFetch, web: Web) -> None:
    """Each of the three."""
    for make, flag in (
        (lambda: IntelPcs(fetch, "x"), "--pcs"),
        (lambda: IntelPccs(fetch, "x"), "--pccs"),
        (lambda: IntelPcs(fetch, web.url, root_crl_url="x"), "--root-crl"),
    ):
        with pytest.raises(MisconfiguredError) as caught:
            make()
        assert caught.value.source == flag


def test_amd_s_needs_are_not_intel_s(pcs: IntelPcs, pccs: IntelPccs) -> None:
    """The adapters say so, and being asked anyway is a bug."""
    need = AmdCrlNeed(products=("Milan",), signer="vcek")
    for source in (pcs, pccs):
        assert not source.serves(need)
        assert all(source.serves(n) for n in (TCB_NEED, QE_NEED, CRL_NEED, ROOT_NEED, PCK_NEED))
        with pytest.raises(TypeError):
            source.answer(need)
