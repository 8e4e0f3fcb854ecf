"""Recorded SNP reports get their recorded verdicts and facts, under AMD's own keys."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from enarx.errors import MalformedError, RejectedError, UnauthenticError
from enarx.tee.claims import Authentic, ClaimValue
from enarx.tee.endorsements import AmdChainNeed, AmdCrlNeed, Endorsements, VekNeed
from enarx.tee.snp.certificate_table import VCEK, CertificateTable, Entry, pack_table
from enarx.tee.snp.evidence import parse
from enarx.tee.snp.fields import ReportFields
from enarx.tee.snp.needs import needs
from enarx.tee.snp.roots import AMD_ROOTS
from enarx.tee.snp.vek import Vek, load_vek
from enarx.tee.snp.verify import authenticate
from enarx.wire.text import pem_blocks

VALID = "signature_and_chain_valid"
SOME_DAY = datetime(2025, 6, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One folder of recorded evidence."""

    folder: Path
    expected: Mapping[str, Any]

    @property
    def raw(self) -> bytes:
        """The report."""
        return (self.folder / "report.bin").read_bytes()

    @property
    def now(self) -> datetime:
        """A time at which its certificates are valid."""
        valid = self.expected["valid_at"]
        return datetime.fromisoformat(valid["suggested"]) if valid else SOME_DAY

    @property
    def vek(self) -> bytes:
        """The VCEK's or VLEK's certificate."""
        return next(self.folder.glob("v[cl]ek.der")).read_bytes()

    @property
    def chain(self) -> tuple[bytes, ...]:
        """ASK (or ASVK) and ARK."""
        return certificates(self.folder / "ca_chain.pem")

    @property
    def endorsements(self) -> Endorsements:
        """All that was recorded with it."""
        crls = tuple(path.read_bytes() for path in sorted(self.folder.glob("*.crl")))
        return Endorsements(certificates=(self.vek, *self.chain), crls=crls)

    def verify(
        self, endorsements: Endorsements | None = None, now: datetime | None = None
    ) -> Authentic:
        """What the verifier makes of it."""
        given = self.endorsements if endorsements is None else endorsements
        return authenticate(parse(self.raw), given, AMD_ROOTS, now or self.now)


def certificates(path: Path) -> tuple[bytes, ...]:
    """The certificates of a PEM file, DER."""
    return tuple(der for _, der in pem_blocks(path.read_bytes(), path.name))


@pytest.fixture
def vectors(shared: Path) -> Path:
    """The folder of recorded evidence of all kinds."""
    return shared / "vectors"


@pytest.fixture
def recorded(vectors: Path) -> dict[str, Recorded]:
    """Every recorded report, by the name of its folder."""
    return {
        path.parent.name: Recorded(
            folder=path.parent, expected=json.loads(path.read_text())["expected"]
        )
        for path in sorted((vectors / "snp").glob("*/manifest.json"))
    }


def test_every_report_gets_its_verdict(recorded: dict[str, Recorded]) -> None:
    """Each is authentic with every recorded fact, or refused for the recorded reason."""
    authentic, refused = 0, 0
    for name, vector in recorded.items():
        verdict = vector.expected["verdict"]
        if verdict == VALID:
            found = vector.verify()
            facts = told(found.claims.fields) | certified(load_vek(vector.vek, name))
            assert facts == vector.expected["report"], name
            assert found.anchor == vector.expected["checks"]["ask_issued_by"]
            issuer = f"CN={vector.expected['checks']['vek_issued_by']},"
            assert found.chain[1].subject.startswith(issuer)
            assert not found.claims.simulated
            authentic += 1
        elif "unsupported version 1" in verdict:
            with pytest.raises(MalformedError, match="got version 1"):
                parse(vector.raw)
            refused += 1
        else:
            evidence = parse(vector.raw)
            fields = ReportFields(evidence.report, "Milan")  # as the recorded facts have it
            assert told(fields) == vector.expected["report"], name
            with pytest.raises(UnauthenticError, match=r"snp\.vek: got none"):
                vector.verify(Endorsements())
            refused += 1
    print(f"{authentic} recorded SNP reports authentic, {refused} refused")  # noqa: T201
    assert authentic >= 20
    assert refused >= 4


POLICY = {
    "abi_minor": "abi_minor", "abi_major": "abi_major", "smt": "smt", "migrate_ma": "migrate_ma",
    "debug": "debug", "single_socket": "single_socket", "cxl_allow": "cxl_allow",
    "mem_aes256_xts": "mem_aes_256_xts", "rapl_dis": "rapl_dis",
    "ciphertext_hiding": "ciphertext_hiding_dram", "page_swap_disable": "page_swap_disable",
}  # fmt: skip
PLATFORM = {
    "smt_en": "smt_en", "tsme_en": "tsme_en", "ecc_en": "ecc_en", "rapl_dis": "rapl_dis",
    "ciphertext_hiding_en": "ciphertext_hiding_dram_en",
    "alias_check_complete": "alias_check_complete", "tio_en": "tio_en",
}  # fmt: skip
SAME = (
    "version", "guest_svn", "family_id", "image_id", "vmpl", "author_key_en", "mask_chip_key",
    "report_data", "measurement", "host_data", "id_key_digest", "author_key_digest", "report_id",
    "report_id_ma", "chip_id", "current_build", "committed_build",
)  # fmt: skip


def told(fields: Mapping[str, ClaimValue]) -> dict[str, object]:
    """Our fields in the words of the manifests."""
    facts: dict[str, Any] = {name: plain(fields[f"snp.{name}"]) for name in SAME}
    facts["sig_algo"] = fields["snp.signature_algo"]
    facts["signing_key"] = str(fields["snp.signing_key"]).upper()
    facts["product"] = fields["snp.product"] if "snp.cpuid_step" in fields else None
    facts["cpuid"] = cpuid(fields)
    facts["policy_raw"] = f"{fields['snp.policy.raw']:#x}"
    facts["policy"] = {theirs: fields[f"snp.policy.{ours}"] for theirs, ours in POLICY.items()}
    facts["platform_info_raw"] = f"{fields['snp.platform_info.raw']:#x}"
    facts["platform_info"] = {
        theirs: fields[f"snp.platform_info.{ours}"] for theirs, ours in PLATFORM.items()
    }
    for name in ("current", "committed"):
        facts[f"{name}_version"] = f"{fields[f'snp.{name}_major']}.{fields[f'snp.{name}_minor']}"
    for name in ("current_tcb", "reported_tcb", "committed_tcb", "launch_tcb"):
        prefix = f"snp.{name}."
        facts[name] = {n.removeprefix(prefix): fields[n] for n in fields if n.startswith(prefix)}
        raw = facts[name].pop("raw")
        if name in ("current_tcb", "reported_tcb"):
            facts[f"{name}_raw"] = f"{int(raw[::-1].hex(), 16):#x}"
    for name in ("launch_mit_vector", "current_mit_vector"):
        if f"snp.{name}" in fields:
            facts[name] = f"{fields[f'snp.{name}']:#x}"
    return facts


def cpuid(fields: Mapping[str, ClaimValue]) -> dict[str, object] | None:
    """What the report says of the CPU."""
    if "snp.cpuid_step" not in fields:
        return None
    return {
        "family": f"{fields['snp.cpuid_fam_id']:#x}",
        "model": f"{fields['snp.cpuid_mod_id']:#x}",
        "stepping": fields["snp.cpuid_step"],
    }


def plain(value: ClaimValue) -> object:
    """A value as JSON has it."""
    return value.hex() if isinstance(value, bytes) else value


def certified(vek: Vek) -> dict[str, object]:
    """What the VEK says, in the words of the manifests."""
    found = vek.certificate
    return {
        "product_from_cert": vek.product,
        "vek": {
            "subject": vek.subject,
            "issuer": found.issuer.rfc4514_string(),
            "not_before": f"{found.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}",
            "not_after": f"{found.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
            "ext": dict(extensions(vek)),
        },
    }


def extensions(vek: Vek) -> Iterator[tuple[str, object]]:
    """The extensions, in the words of the manifests."""
    turin = vek.product == "Turin"
    yield "struct_version", int(turin)
    yield "product_name", vek.product_name
    names = ("fmc", "bl", "tee", "snp", "spl5", "spl6", "spl7", "ucode")
    if not turin:
        names = ("bl", "tee", "spl4", "spl5", "spl6", "spl7", "snp", "ucode")
    yield from zip(names, vek.tcb, strict=True)
    yield from (("hwid", vek.hwid.hex()),) if vek.hwid else (("cspid", vek.csp_id),)


def test_every_valid_report_needs_what_was_recorded(recorded: dict[str, Recorded]) -> None:
    """The report alone asks for VEK, chain and list, and for no more than the list with both."""
    for name, vector in recorded.items():
        if vector.expected["verdict"] == VALID:
            evidence = parse(vector.raw)
            asked = [type(need) for need in needs(evidence, Endorsements(), vector.now)]
            assert asked == [VekNeed, AmdChainNeed, AmdCrlNeed], name
            left = needs(evidence, vector.endorsements, vector.now)
            assert [type(need) for need in left] == [AmdCrlNeed][
                : 0 if vector.endorsements.crls else 1
            ]


def test_validity_is_to_the_second(recorded: dict[str, Recorded]) -> None:
    """Each is authentic at the ends of its recorded window, and one second outside it is not."""
    second = timedelta(seconds=1)
    for vector in recorded.values():
        if vector.expected["verdict"] == VALID:
            first, last = map(datetime.fromisoformat, vector.expected["valid_at"]["any_time_in"])
            assert vector.verify(now=first).not_after
            assert vector.verify(now=last)
            for now in (first - second, last + second):
                with pytest.raises(UnauthenticError, match="certificate validity"):
                    vector.verify(now=now)


def test_recorded_bytes_behind_a_report(recorded: dict[str, Recorded]) -> None:
    """56 bytes behind one report are a certificate table with a host's own entry."""
    vector = recorded["vmpl2-v2-cocos"]
    evidence = parse((vector.folder / "attestation_raw.bin").read_bytes())
    assert evidence.report == parse(vector.raw).report
    assert [str(e.guid) for e in evidence.table.unknown] == ["ecae0c0f-9502-43b1-afa2-0ae2e0d565b6"]


def test_recorded_lists(recorded: dict[str, Recorded], vectors: Path) -> None:
    """A current list of the ARK is used; an old one is said; one of another product is ignored."""
    enarx = recorded["milan-v2-enarx-csr"]
    found = enarx.verify()
    assert found.claims.revocation.lists == ("ARK-Milan",)
    assert found.claims.revocation.unchecked == ()
    roots = vectors / "roots"
    lists = tuple(
        p.read_bytes() for p in (roots / "amd-ark-milan.crl", roots / "amd-ark-genoa.crl")
    )
    live = recorded["genoa-v5-live"]
    given = live.endorsements + Endorsements(crls=lists)
    assert live.verify(given).claims.revocation.unchecked == ("ARK-Genoa: CRL ended on 2023-10-31",)


def test_the_pinned_keys_are_the_recorded_roots(vectors: Path) -> None:
    """Each anchor is the name and key of the recorded ARK."""
    for anchor in AMD_ROOTS:
        name = anchor.name.lower()
        data = (vectors / "roots" / f"amd-{name}.pem").read_bytes()
        assert anchor.is_key_of(x509.load_pem_x509_certificate(data))


def test_swapped_certificates(recorded: dict[str, Recorded], vectors: Path) -> None:
    """Another chip's VCEK, another product's chain, and the ASK for a VLEK are all refused."""
    tried = 0
    for swap in json.loads((vectors / "derived-negatives/swap.json").read_text()):
        vector = recorded.get(Path(swap.get("report", "none")).parent.name)
        vek = vectors / swap.get("vek", "none")
        if vector is None or ("vek" in swap and not vek.exists()):
            continue
        chain = swapped_chain(vectors / "roots", swap.get("chain", "")) or vector.chain
        leaf = vek.read_bytes() if "vek" in swap else vector.vek
        with pytest.raises(UnauthenticError):
            vector.verify(Endorsements(certificates=(leaf, *chain)))
        tried += 1
    turin = recorded["oak-turin-oc"]
    for name in ("genoa", "milan"):
        other = recorded[f"{name}-v3-aci-ms"]
        with pytest.raises(UnauthenticError, match="certificate chain"):
            turin.verify(Endorsements(certificates=(turin.vek, *other.chain)))
        with pytest.raises(UnauthenticError, match="certificate of the signing key"):
            turin.verify(other.endorsements)
        tried += 2
    print(f"{tried} swaps refused")  # noqa: T201
    assert tried >= 6


def swapped_chain(roots: Path, what: str) -> tuple[bytes, ...]:
    """The chain that a swap names."""
    names = {
        "roots: ARK-Genoa/ASK-Genoa": ("amd-sev-genoa.pem", "amd-ark-genoa.pem"),
        "ask=SEV-Milan instead of SEV-VLEK-Milan": ("amd-sev-milan.pem", "amd-ark-milan.pem"),
    }.get(what, ())
    return tuple(der for name in names for der in certificates(roots / name))


def test_derived_negatives(recorded: dict[str, Recorded], vectors: Path) -> None:
    """Every single-fault mutation of a good report is refused, in shape or in proof."""
    good = recorded["genoa-v5-live"]
    want = {
        "snp-truncated-1183": MalformedError, "snp-version-6": MalformedError,
        "snp-sigalgo-2": MalformedError, "snp-reserved-after-signature": MalformedError,
        "snp-sig-high-bytes": MalformedError,
    }  # fmt: skip
    count = 0
    for path in sorted((vectors / "derived-negatives").glob("snp-*.bin")):
        with pytest.raises(RejectedError) as caught:
            authenticate(parse(path.read_bytes()), good.endorsements, AMD_ROOTS, good.now)
        assert type(caught.value) is want.get(path.stem, UnauthenticError), path.stem
        count += 1
    print(f"{count} derived negatives refused")  # noqa: T201
    assert count >= 9


def test_old_and_invalid_veks(recorded: dict[str, Recorded]) -> None:
    """Certificates that a project recorded as invalid for a report are refused as such."""
    vector = recorded["milan-v2-coco-azure"]
    for path in sorted(vector.folder.glob("vcek-invalid-*.der")):
        with pytest.raises(RejectedError):
            vector.verify(Endorsements(certificates=(path.read_bytes(), *vector.chain)))


def test_certificates_in_a_table(recorded: dict[str, Recorded]) -> None:
    """A recorded report with its VCEK in a table verifies with the chain alone."""
    vector = recorded["genoa-v5-live"]
    table = pack_table(CertificateTable(entries=(Entry(guid=VCEK, data=vector.vek),)))
    given = Endorsements(certificates=vector.chain)
    assert authenticate(parse(vector.raw + table), given, AMD_ROOTS, vector.now)
