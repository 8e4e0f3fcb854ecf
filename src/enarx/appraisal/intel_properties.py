"""What a policy states about Intel TDX and SGX beside the TCB's status.

Sources of the fields: Intel, "TDX DCAP Quoting Library API", appendix A.3; "TDX Module 1.5 ABI
Reference Specification", TD_ATTRIBUTES; SDM volume 3D, REPORT.  Of the lists: go-tdx-guest's and
MarbleRun's policies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.appraisal.comparison import AtLeastEach, OneOf
from enarx.appraisal.property import (
    Property,
    Words,
    compared,
    field,
    hexadecimal,
    left_out,
    listed_bytes,
    listed_numbers,
    masked,
    minimum,
    setting,
)
from enarx.wire.shape import Many, Text

if TYPE_CHECKING:
    from enarx.appraisal.comparison import Comparison

_BODY = "tdx.quote.body"
_ATTRIBUTES = "tdx.td_attributes"
_U16_MAX = 0xFFFF
_HASH = 48

NONE_BOUND = "none"


def _each_at_least(value: str) -> Comparison:
    return AtLeastEach(bytes.fromhex(value))


def _service_td(values: tuple[str, ...]) -> Comparison:
    """A list of hashes; "none" is zeros, and a quote of TDX 1.0, which has no such field."""
    hashes = frozenset(bytes(_HASH) if v == NONE_BOUND else bytes.fromhex(v) for v in values)
    return OneOf(hashes, or_unstated=NONE_BOUND in values)


_SEAM_HINT = "update the host's TDX module, or use another host"
_OWNER_HINT = "launch the domain with the values that were agreed"

TDX: tuple[Property, ...] = (
    listed_bytes(
        "mr_seam",
        f"{_BODY}.mr_seam",
        Words(
            about="the TDX module",
            risk="any module that Intel signed and did not revoke may run the domain",
            hint=_SEAM_HINT,
        ),
        size=_HASH,
        leave="Intel's signature and the accepted statuses say enough",
        concern="hardware",
    ),
    listed_bytes(
        "mr_signer_seam",
        f"{_BODY}.mrsigner_seam",
        Words(
            about="the signer of the TDX module, zero for Intel",
            risk="the collateral's rule for the module's signer is all that counts",
            hint=_SEAM_HINT,
        ),
        size=_HASH,
        leave="the collateral names the signer",
        concern="hardware",
    ),
    Property(
        key="minimum_tee_tcb_svn",
        about="the security version numbers of the TDX module",
        value=hexadecimal(16),
        demand=compared(f"{_BODY}.tcb_svn", field(f"{_BODY}.tcb_svn"), _each_at_least),
        claim=f"{_BODY}.tcb_svn",
        fact=field(f"{_BODY}.tcb_svn"),
        concern="hardware",
        risk="the status is all that counts",
        hint=_SEAM_HINT,
        starter=left_out("the accepted statuses say enough"),
    ),
    setting(
        "sept_ve_disable",
        f"{_ATTRIBUTES}.sept_ve_disable",
        Words(
            about="the stop of the domain where the host takes a page away (SEPT_VE_DISABLE)",
            risk="the host can raise exceptions anywhere in the guest's kernel",
            hint="launch the domain with SEPT_VE_DISABLE, as Linux guests require",
        ),
        starter="required",
        baseline="required",
    ),
    setting(
        "pks",
        f"{_ATTRIBUTES}.pks",
        Words(
            about="supervisor protection keys",
            risk="none to confidentiality",
            hint="launch the domain with other attributes",
        ),
        starter="allowed",
    ),
    setting(
        "key_locker",
        f"{_ATTRIBUTES}.key_locker",
        Words(
            about="Key Locker",
            risk="none to confidentiality",
            hint="launch the domain with other attributes",
        ),
        starter="allowed",
    ),
    setting(
        "perfmon",
        f"{_ATTRIBUTES}.perfmon",
        Words(
            about="performance counters in the domain",
            risk="programs in the domain can watch each other more closely",
            hint="launch the domain with other attributes",
        ),
        starter="allowed",
    ),
    masked(
        "xfam",
        f"{_BODY}.xfam",
        Words(
            about="the processor's extended features that the domain may use",
            risk="features may be missing, or there that the image does not expect",
            hint="launch the domain with other features (XFAM)",
        ),
        leave="the image works with any features",
    ),
    listed_bytes(
        "mr_config_id",
        f"{_BODY}.mr_config_id",
        Words(
            about="the configuration that the host gave at launch (MRCONFIGID)",
            risk="the host may have configured the guest as it likes",
            hint=_OWNER_HINT,
        ),
        size=_HASH,
        leave="the guest does not use it",
    ),
    listed_bytes(
        "mr_owner",
        f"{_BODY}.mr_owner",
        Words(
            about="the owner that the host gave at launch (MROWNER)",
            risk="another owner's configuration may count",
            hint=_OWNER_HINT,
        ),
        size=_HASH,
        leave="the guest does not use it",
    ),
    listed_bytes(
        "mr_owner_config",
        f"{_BODY}.mr_owner_config",
        Words(
            about="the owner's configuration that the host gave at launch (MROWNERCONFIG)",
            risk="the host may have configured the guest as it likes",
            hint=_OWNER_HINT,
        ),
        size=_HASH,
        leave="the guest does not use it",
    ),
    Property(
        key="mr_service_td",
        about="the service domains that are bound to it",
        value=Many(
            'Hashes (48 bytes in hexadecimal), or "none".',
            Text(wanted='96 hexadecimal digits or "none"', pattern=r"^(none|[0-9a-fA-F]{96})$"),
            least=1,
        ),
        demand=compared(f"{_BODY}.mr_servicetd", field(f"{_BODY}.mr_servicetd"), _service_td),
        claim=f"{_BODY}.mr_servicetd",
        fact=field(f"{_BODY}.mr_servicetd"),
        risk="a service domain that nobody looked at can change the domain's settings",
        hint="launch the domain without service domains",
        baseline=(NONE_BOUND,),
        starter='["none"]',
    ),
)

_SGX_BODY = "sgx.body"

SGX: tuple[Property, ...] = (
    listed_bytes(
        "mr_signer",
        f"{_SGX_BODY}.mr_signer",
        Words(
            about="the key that signed the enclave",
            risk="product and version may be anybody's claims",
            hint="sign the enclave with a listed key",
        ),
        size=32,
        leave="the image is checked by measurement",
        concern="executables",
    ),
    listed_numbers(
        "isv_prod_id",
        f"{_SGX_BODY}.isv_prod_id",
        Words(
            about="the product number that the signer gave",
            risk="another product of the same signer may run",
            hint="run the right enclave",
        ),
        most=_U16_MAX,
        leave="the image is checked by measurement",
    ),
    minimum(
        "minimum_isv_svn",
        f"{_SGX_BODY}.isv_svn",
        Words(
            about="the enclave's security version number",
            risk="an older release of the enclave, with holes, may run",
            hint="run a newer release of the enclave",
        ),
        most=_U16_MAX,
        leave="the image is checked by measurement",
    ),
    masked(
        "attributes",
        f"{_SGX_BODY}.attributes.flags",
        Words(
            about="the enclave's attributes (debug has a property of its own)",
            risk="the enclave may hold a provisioning or launch key",
            hint="sign the enclave with other attributes",
        ),
        leave="debug is checked on its own",
    ),
    masked(
        "xfrm",
        f"{_SGX_BODY}.attributes.xfrm",
        Words(
            about="the processor's extended features that the enclave may use (XFRM)",
            risk="features may be missing, or there that the enclave does not expect",
            hint="sign the enclave with other features",
        ),
        leave="the enclave works with any features",
    ),
    setting(
        "kss",
        "sgx.attributes.kss",
        Words(
            about="key separation and sharing (KSS)",
            risk="config id, family id and extended product id are zero without it",
            hint="sign the enclave with KSS",
        ),
        starter="allowed",
    ),
    listed_bytes(
        "config_id",
        f"{_SGX_BODY}.config_id",
        Words(
            about="the configuration that the host gave at launch (CONFIGID)",
            risk="the host may have configured the enclave as it likes",
            hint="launch the enclave with the configuration that was agreed",
        ),
        size=64,
        leave="the enclave does not use it",
    ),
    minimum(
        "minimum_config_svn",
        f"{_SGX_BODY}.config_svn",
        Words(
            about="the version number of the configuration (CONFIGSVN)",
            risk="an older configuration may count",
            hint="launch the enclave with a newer configuration",
        ),
        most=_U16_MAX,
        leave="the enclave does not use it",
    ),
    listed_bytes(
        "isv_ext_prod_ids",
        f"{_SGX_BODY}.isv_ext_prod_id",
        Words(
            about="the extended product number",
            risk="another product of the same signer may run",
            hint="run the right enclave",
        ),
        size=16,
        leave="the enclave does not use it",
    ),
    listed_bytes(
        "isv_family_ids",
        f"{_SGX_BODY}.isv_family_id",
        Words(
            about="the family that the signer gave",
            risk="another family of the same signer may run",
            hint="run the right enclave",
        ),
        size=16,
        leave="the enclave does not use it",
    ),
)
