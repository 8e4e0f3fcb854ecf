"""Policies of Enarx 0.7's Steward as ours: every key, every error, and the same verdicts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from enarx.appraisal.appraise import judge
from enarx.appraisal.policy import Policy
from enarx.attestation import VENDOR_ANCHORS, Endorsements, authenticate
from enarx.attestation import parse as parse_evidence
from enarx.errors import MisconfiguredError
from enarx.steward.policies.document import parse
from enarx.steward.policies.enarx07 import imported
from enarx.tee.claims import Authentic
from enarx.tee.dcap.enclave import EnclaveFlags
from enarx.tee.simulated.machine import IntelMachine
from enarx.tee.simulated.root import SimulatedRoot
from enarx.tee.simulated.sgx import Enclave, SimulatedSgx
from enarx.wire.shape import Unchecked
from enarx.wire.text import pem_blocks

ROOT = Path(__file__).parents[2] / "tee" / "development-root.pem"
A48, B48 = "aa" * 48, "bb" * 48
A32, B32 = "aa" * 32, "bb" * 32
SNP = f'[snp]\nsigner = ["{A48}"]\n'
SGX = f'[sgx]\nsigner = ["{A32}"]\n'


def policy(text: str) -> Policy:
    """The appraisal part of the imported policy."""
    return parse(imported(text.encode(), "steward.toml").text.encode()).appraisal


def wanted(text: str, platform: str, key: str) -> str:
    """What the imported policy demands under *key*, or that it demands nothing."""
    for rule in policy(text).rules[platform]:
        if rule.key == f"{platform}.{key}":
            return "unchecked" if isinstance(rule.demand, Unchecked) else rule.demand.want()
    raise AssertionError(key)


@pytest.mark.parametrize(
    ("text", "platform", "key", "want"),
    [
        (SNP, "snp", "author_key_digests", A48),
        (SNP.replace("aa", "AA"), "snp", "author_key_digests", A48),
        (SNP, "snp", "image", "unchecked"),
        (SNP, "snp", "id_key_digests", "unchecked"),
        (SNP, "snp", "minimum_policy_abi", "unchecked"),
        (SNP, "snp", "debug", "off"),
        (SNP, "snp", "migration", "off"),
        (SNP, "snp", "vmpl", "0"),
        (SNP, "snp", "host_data", "00" * 32),
        (SNP, "snp", "revocation", "every issuer's current revocation list"),
        (SNP, "snp", "smt", "on or off"),
        (SNP, "snp", "platform_info.smt_en", "unchecked"),
        (f'[snp]\nhash = ["{A48}"]\n', "snp", "image", "enarx-0.7 imported"),
        (f'[snp]\nhash = ["{A48}"]\nhash_blacklist = ["{B48}"]', "snp", "image", "enarx-0.7 imported"),  # noqa: E501
        (f'{SNP}id_key_digest = ["{A48}"]', "snp", "id_key_digests", A48),
        (f'{SNP}abi = "*"', "snp", "minimum_policy_abi", "unchecked"),
        (f'{SNP}abi = ">=1.51"', "snp", "minimum_policy_abi", "at least 1.51"),
        (f'{SNP}abi = ">=1"', "snp", "minimum_policy_abi", "at least 1.0"),
        (f'{SNP}abi = ">1"', "snp", "minimum_policy_abi", "at least 2.0"),
        (f'{SNP}abi = "> 1.51"', "snp", "minimum_policy_abi", "at least 1.52"),
        (f'{SNP}abi = ">=1.51.0"', "snp", "minimum_policy_abi", "at least 1.51"),
        (f'{SNP}abi = ">=1.51.3"', "snp", "minimum_policy_abi", "at least 1.52"),
        (f'{SNP}abi = ">1.51.0"', "snp", "minimum_policy_abi", "at least 1.52"),
        (f'{SNP}abi = ">=0.9, >=1.40"', "snp", "minimum_policy_abi", "at least 1.40"),
        (f'{SNP}policy_flags = ["SMT"]', "snp", "smt", "on or off"),
        (f"{SNP}policy_flags = []", "snp", "smt", "off"),
        (f"{SNP}policy_flags = []", "snp", "policy.single_socket", "on or off"),
        (f'{SNP}policy_flags = ["SingleSocket"]', "snp", "policy.single_socket", "on"),
        (f'{SNP}policy_flags = ["Debug"]', "snp", "debug", "off"),
        (f'{SNP}platform_info_flags = "SME"', "snp", "platform_info.smt_en", "on"),
        (f'{SNP}platform_info_flags = "SME"', "snp", "platform_info.tsme_en", "off"),
        (f'{SNP}platform_info_flags = "TSME"', "snp", "platform_info.tsme_en", "on"),
        (f'{SNP}platform_info_flags = "TSME"', "snp", "platform_info.smt_en", "off"),
        (f'{SNP}platform_info_flags = "SME"', "snp", "platform_info.tio_en", "off"),
        (f'{SNP}platform_info_flags = "SME"', "snp", "platform_info.ecc_en", "on or off"),
        (SGX, "sgx", "mr_signer", A32),
        (SGX, "sgx", "image", "unchecked"),
        (SGX, "sgx", "debug", "off"),
        (SGX, "sgx", "attributes", "unchecked"),
        (SGX, "sgx", "tcb.statuses", "UpToDate"),
        (f'[sgx]\nhash = ["{A32}"]\n', "sgx", "image", "enarx-0.7 imported"),
        (f"{SGX}features = []", "sgx", "debug", "off"),
        (f"{SGX}features = []", "sgx", "attributes", f"{'00' * 8} in the bits of fa{'ff' * 7}"),
        (f'{SGX}features = ["Debug"]', "sgx", "debug", "on or off"),
        (f'{SGX}features = ["Debug"]', "sgx", "attributes", f"{'00' * 8} in the bits of f8{'ff' * 7}"),  # noqa: E501
        (f'{SGX}features = ["KSS", "CET"]', "sgx", "attributes", f"{'00' * 8} in the bits of 3a{'ff' * 7}"),  # noqa: E501
        (f'{SGX}features = ["EInitKey", "ProvisioningKey"]', "sgx", "attributes", f"{'00' * 8} in the bits of ca{'ff' * 7}"),  # noqa: E501
        (f"{SGX}enclave_security_version = 3", "sgx", "minimum_isv_svn", "at least 3"),
        (f"{SGX}enclave_product_id = 7", "sgx", "isv_prod_id", "7"),
        (f"{SGX}allowed_advisories = []", "sgx", "tcb.statuses", "UpToDate"),
        (f'{SGX}allowed_advisories = ["INTEL-SA-00615"]', "sgx", "tcb.advisories", "none but INTEL-SA-00615"),  # noqa: E501
        (f'{SGX}misc_select = ["EXINFO"]', "sgx", "mr_signer", A32),
    ],
)  # fmt: skip
def test_each_key_is_demanded(text: str, platform: str, key: str, want: str) -> None:
    """What 0.7 checked is checked, and what it let pass unsafely is not."""
    assert wanted(text, platform, key) == want


def test_advisories_replace_the_status() -> None:
    """As with 0.7 an outdated TCB passes with allowed advisories, but never a revoked one."""
    found = wanted(f'{SGX}allowed_advisories = ["INTEL-SA-00615"]', "sgx", "tcb.statuses")
    assert "OutOfDate" in found
    assert "Revoked" not in found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "neither [sgx] nor [snp] is there"),
        ("[snp]\n", "snp: one of `signer`, `hash`, or `hash_blacklist` must be specified"),
        ("[sgx]\nsigner = []\n", "sgx: one of `signer`, `hash`, or `hash_blacklist` must be"),
        (f'[snp]\nhash = ["{A48}"]\nhash_blacklist = ["{A48}"]', f"same hash `{A48}` in both `hash` and `hash_blacklist`"),  # noqa: E501
        (f'[snp]\nsigner = ["{A48[:-1]}x"]', "snp.signer[0]: invalid hex: "),
        (f'[snp]\nsigner = [" {A48[:-1]}"]', "snp.signer[0]: invalid hex: "),
        (f'[snp]\nsigner = ["{A48[:-1]}"]', "snp.signer[0]: invalid hex: "),
        (f'[snp]\nsigner = ["{A48[:-2]}"]', "snp.signer[0]: expected digest to have length of 48, got 47"),  # noqa: E501
        (f'[sgx]\nsigner = ["{A48}"]', "sgx.signer[0]: expected digest to have length of 32, got 48"),  # noqa: E501
        ('[sgx]\nsigner = [""]', "sgx.signer[0]: invalid hex: "),
        (f'[snp]\nsigner = ["{"00" * 48}"]', "snp.signer: a digest of zeros stands for no author key"),  # noqa: E501
        (f'[snp]\nhash_blacklist = ["{A48}"]', "snp.hash_blacklist: cannot be stated without hash"),
        (f'{SNP}id_key_digest_blacklist = ["{A48}"]', "snp.id_key_digest_blacklist: cannot be stated without"),  # noqa: E501
        (f'{SNP}abi = "1.51"', 'snp.abi: got "1.51", which has an upper bound'),
        (f'{SNP}abi = "^1.51"', "which has an upper bound"),
        (f'{SNP}abi = "~1.51"', "which has an upper bound"),
        (f'{SNP}abi = "=1.51"', "which has an upper bound"),
        (f'{SNP}abi = "<2"', "which has an upper bound"),
        (f'{SNP}abi = ">=1.51, <2"', "which has an upper bound"),
        (f'{SNP}abi = ">=1.*"', "want a requirement like >=1.51"),
        (f'{SNP}abi = ">=1.51.0-beta"', "want a requirement like >=1.51"),
        (f'{SNP}abi = ""', "want a requirement like >=1.51"),
        (f'{SNP}abi = ">=1.256"', "which no firmware has"),
        (f'{SNP}abi = "{">=1," * 40}>=1"', "want at most 100"),
        (f'{SNP}policy_flags = ["smt"]', 'snp.policy_flags[0]: got "smt", want'),
        (f'{SNP}platform_info_flags = "XTS"', 'snp.platform_info_flags: got "XTS", want'),
        (f"{SNP}features = []", "snp.features: unknown key"),
        (f'{SGX}features = ["INIT"]', 'sgx.features[0]: got "INIT", want'),
        (f"{SGX}enclave_product_id = 65536", "sgx.enclave_product_id: got the integer 65536"),
        ("[sxg]\n", "sxg: unknown key"),
        ("snp = 1", "snp: got the integer 1, want a table"),
        ("x = ", "not TOML"),
    ],
)  # fmt: skip
def test_what_cannot_be_imported_is_told(text: str, problem: str) -> None:
    """0.7's own errors in its words; what ours cannot say is not left out silently."""
    with pytest.raises(MisconfiguredError) as e:
        imported(text.encode(), "steward.toml")
    assert problem in str(e.value)


def test_what_counts_otherwise_is_noted() -> None:
    """Every difference stands at the head of the text, and is told."""
    text = f'{SNP}policy_flags = ["Debug"]\nplatform_info_flags = "SME"\n'
    found = imported(text.encode(), "steward.toml")
    told = "\n".join(found.notes)
    assert "never checked; it is demanded now" in told
    assert "Debug, which 0.7 refused all the same" in told
    assert "[sgx] is not there" in told
    assert all(f"# - {note}" in found.text for note in found.notes)


def test_a_platform_without_a_section_is_not_accepted() -> None:
    """There any program passed."""
    assert policy(SNP).platforms == ("snp",)
    assert policy(SGX).platforms == ("sgx",)
    assert policy(SNP + SGX).platforms == ("sgx", "snp")


def test_every_workload_is_admitted_for_a_week() -> None:
    """0.7 knew no workloads; its names came from the command line and are checked."""
    found = parse(imported(SNP.encode(), "s.toml", dns_names=("a.example",)).text.encode())
    assert found.issue.lifetime_s == 7 * 86_400
    assert found.names("") == ("a.example",)
    with pytest.raises(MisconfiguredError, match="dns_names"):
        imported(SNP.encode(), "s.toml", dns_names=("A.example",))


def test_a_hostile_file_name_stays_a_comment() -> None:
    """A line break in it begins no key."""
    found = imported(SNP.encode(), 'x"\nname = "y').text
    assert parse(found.encode()).appraisal.name == "enarx-0.7"


# ── the verdicts over recorded requests ────────────────────────────────────────────────────────

REAL = {
    "signer": "7dc22240a8344fce6ba5f22ffbedabc52d4123ae0ba1c59796e521b953916b503f223b15c4429e7d8c5489ad71f1e193",  # noqa: E501
    "hash": "ff717ae719840c93c1fca3b7db96488454c3c21b43531488eecff51cfed3febcd91da8be87a4cbcbc52a3bae770987c3",  # noqa: E501
    "id": "d71a4d1da440d515cd69fbb1314acf4221726e82768a8bf6e4a4063ed542ac78349c8145b4666a4242a91a374387b473",  # noqa: E501
}
SHIPPED = """signer = ["{signer}"]
hash = ["{hash}"]
id_key_digest = ["{id}"]
abi = ">=1.51"
policy_flags = ["SMT"]
platform_info_flags = "SME"
"""
"""Every key, as 0.7's example had them."""
MR_SIGNER = "7a49a07df0f8e90a6e1d9a63e3c696d9c844f0e3f8739b21daa640f99facc48a"
MR_ENCLAVE = "4046ea255f0455131a024e1265ac1ebd131fdbd1240f1712a00381f6f04e8c15"


def certificates(path: Path) -> tuple[bytes, ...]:
    """The certificates of a PEM file, DER."""
    return tuple(der for _, der in pem_blocks(path.read_bytes(), path.name))


@pytest.fixture(scope="module")
def snp_request(shared: Path) -> Authentic:
    """The evidence in a request of Enarx 0.7 on SNP, verified when its lists were current."""
    folder = shared / "vectors/snp/milan-v2-enarx-csr"
    found = parse_evidence((folder / "enarx.csr").read_bytes())
    chain = Endorsements(certificates=certificates(folder / "ca_chain.pem"))
    now = datetime(2022, 11, 29, 12, tzinfo=UTC)
    return authenticate(found, chain, anchors=VENDOR_ANCHORS, now=now)


@pytest.fixture(scope="module")
def sgx_request(shared: Path) -> Authentic:
    """The same on SGX, at the time of the TCB info and QE identity that were recorded for it.

    The request's own list of its PCK's issuer had ended by then.
    """
    folder = shared / "vectors/sgx/sgx-enarx-i5"
    beside = folder / "collateral-1"
    chains = ("tcb_signing_chain.pem", "pck_crl_issuer_chain.pem")
    bag = Endorsements(
        certificates=tuple(der for name in chains for der in certificates(beside / name)),
        crls=((beside / "root_ca_crl.der").read_bytes(),),
        tcb_infos=((beside / "tcb_info.json").read_bytes(),),
        qe_identities=((beside / "qe_identity.json").read_bytes(),),
    )
    found = parse_evidence((folder / "enarx.csr").read_bytes())
    now = datetime(2023, 5, 24, 12, 16, 42, tzinfo=UTC)
    return authenticate(found, bag, anchors=VENDOR_ANCHORS, now=now)


def failures(authentic: Authentic, text: str) -> set[str]:
    """What the imported policy refuses the evidence for."""
    verdict = judge(
        authentic,
        policy(text),
        now=authentic.verified_at,
        report_data=authentic.claims.report_data,
    )
    return {check.claim for check in verdict.failed}


@pytest.mark.parametrize(
    ("keys", "refused"),
    [
        ('signer = ["{signer}"]', set()),
        ('hash = ["{hash}"]', set()),
        (SHIPPED, set()),
        ('hash = ["{hash}", "{signer}"]\nhash_blacklist = ["{id}"]', set()),
        ('signer = ["{id}"]', {"snp.author_key_digest"}),
        ('hash = ["{id}"]', {"image.measurement"}),
        ('hash = ["{hash}"]\nid_key_digest = ["{signer}"]', {"snp.id_key_digest"}),
        ('hash = ["{hash}"]\nid_key_digest = ["{id}"]\nid_key_digest_blacklist = ["{hash}"]',
         set()),
        ('hash = ["{hash}"]\nabi = ">=1.52"', {"snp.policy.abi"}),
        ('hash = ["{hash}"]\nabi = ">1.51"', {"snp.policy.abi"}),
        ('hash = ["{hash}"]\nabi = ">1.50"', set()),
        ('hash = ["{hash}"]\npolicy_flags = []', {"smt"}),
        ('hash = ["{hash}"]\npolicy_flags = ["SMT", "SingleSocket"]', {"snp.policy.single_socket"}),
        ('hash = ["{hash}"]\nplatform_info_flags = "TSME"',
         {"snp.platform_info.smt_en", "snp.platform_info.tsme_en"}),
    ],
)  # fmt: skip
def test_a_recorded_request_on_snp(snp_request: Authentic, keys: str, refused: set[str]) -> None:
    """Accepted and refused as 0.7 did, but for ``policy_flags``, which it never checked."""
    assert failures(snp_request, "[snp]\n" + keys.format(**REAL)) == refused


@pytest.mark.parametrize(
    ("keys", "refused"),
    [
        ("", {"tcb.status"}),
        ("allowed_advisories = []", {"tcb.status"}),
        ('allowed_advisories = ["INTEL-SA-00615"]', set()),
        (f'allowed_advisories = ["x"]\nhash = ["{MR_ENCLAVE}"]\nfeatures = []', set()),
        (f'allowed_advisories = ["x"]\nhash = ["{A32}"]', {"image.mr_enclave"}),
        ('allowed_advisories = ["x"]\nenclave_product_id = 1', {"sgx.body.isv_prod_id"}),
        ('allowed_advisories = ["x"]\nenclave_security_version = 1', {"sgx.body.isv_svn"}),
        ('allowed_advisories = ["x"]\nenclave_security_version = 0\nenclave_product_id = 0', set()),
        ('allowed_advisories = ["x"]\nmisc_select = ["EXINFO"]', set()),
    ],
)
def test_a_recorded_request_on_sgx(sgx_request: Authentic, keys: str, refused: set[str]) -> None:
    """The same; that a list had ended is refused too, as by a release of 0.7."""
    text = f'[sgx]\nsigner = ["{MR_SIGNER}"]\n{keys}'
    assert failures(sgx_request, text) == refused | {"revocation"}
    assert failures(sgx_request, text.replace(MR_SIGNER, A32)) == refused | {
        "revocation",
        "sgx.body.mr_signer",
    }


@pytest.fixture(scope="module")
def enclave() -> Callable[[int], Authentic]:
    """Evidence of a simulated enclave, by its attributes."""
    root = SimulatedRoot.from_bytes(ROOT.read_bytes())
    issued = datetime(2026, 5, 20, tzinfo=UTC)
    machine = SimulatedSgx(machine=IntelMachine(root=root, issued=issued))

    def make(flags: int) -> Authentic:
        made = Enclave(
            mr_enclave=bytes(32), mr_signer=bytes.fromhex(A32), flags=EnclaveFlags(flags)
        )
        quote = parse_evidence(machine.quote(made, report_data=bytes(64)))
        now = datetime(2026, 6, 1, tzinfo=UTC)
        return authenticate(quote, machine.endorsements(), anchors=root.anchors(), now=now)

    return make


@pytest.mark.parametrize(
    ("flags", "features", "refused"),
    [
        (0x05, "", set()),
        (0x07, "", {"debug"}),
        (0x05, "features = []", set()),
        (0x07, "features = []", {"debug", "sgx.body.attributes.flags"}),
        (0x07, 'features = ["Debug"]', set()),
        (0x05, 'features = ["Debug"]', set()),
        (0x15, 'features = ["Debug"]', {"sgx.body.attributes.flags"}),
        (0x15, 'features = ["ProvisioningKey"]', set()),
        (0x25, 'features = ["EInitKey"]', set()),
        (0x85, 'features = ["KSS"]', set()),
        (0x85, "features = []", {"sgx.attributes.kss", "sgx.body.attributes.flags"}),
    ],
)
def test_features_are_what_may_be_there(
    enclave: Callable[[int], Authentic], flags: int, features: str, refused: set[str]
) -> None:
    """A subset, as 0.7 had it; without the key, debugging is refused, which 0.7 let pass."""
    assert failures(enclave(flags), f"{SGX}{features}\n") == refused | {"simulated"}
