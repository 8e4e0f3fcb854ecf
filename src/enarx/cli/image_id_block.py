"""``enarx image id-block``: the launch that the owner of an SNP guest allows, signed."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING

import click

from enarx.errors import MalformedError, MisconfiguredError
from enarx.tee.snp.report import POLICY_BITS, GuestPolicy

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_MAX_KEY_BYTES = 64 * 1024
_MAX_SVN = (1 << 32) - 1
_KEY_HINT = "make one with: openssl ecparam -name secp384r1 -genkey -noout -out id-key.pem"


@click.command("id-block")
@click.option(
    "--launch-digest", required=True, metavar="HEX",
    help="What the guest measures, as enarx image measure prints it.",
)  # fmt: skip
@click.option(
    "--id-key", required=True, metavar="FILE", help="Private key of P-384 in PEM: signs the block."
)
@click.option(
    "--author-key", metavar="FILE", default="",
    help="Private key of P-384 in PEM: signs the ID key. Default: none.",
)  # fmt: skip
@click.option(
    "--policy", default="0x30000", show_default=True, metavar="NUMBER",
    help="Guest policy; the same number as in QEMU's policy property.",
)  # fmt: skip
@click.option(
    "--set", "flags", type=click.Choice(list(POLICY_BITS)), multiple=True,
    help="Set this bit of the policy; repeatable.",
)  # fmt: skip
@click.option("--family-id", default="", metavar="HEX", help="16 bytes. Default: zeros.")
@click.option("--image-id", default="", metavar="HEX", help="16 bytes. Default: zeros.")
@click.option("--guest-svn", type=click.IntRange(0, _MAX_SVN), default=0, show_default=True,
              help="Version of the guest's security.")  # fmt: skip
@click.option(
    "-o", "--output", required=True, metavar="NAME",
    help="Write the new files NAME.id-block and NAME.id-auth.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    *,
    launch_digest: str,
    id_key: str,
    author_key: str,
    policy: str,
    flags: tuple[str, ...],
    family_id: str,
    image_id: str,
    guest_svn: int,
    output: str,
    as_json: bool,
) -> None:
    """Write the ID block of an SNP guest and its authentication, in base64 as QEMU takes them.

    The processor launches the guest only if it measures the digest and has the policy. Its reports
    then say by whose keys: policies accept them by the digests that are printed. For QEMU:
    -object sev-snp-guest,id-block=$(cat NAME.id-block),id-auth=$(cat NAME.id-auth), and
    author-key-enabled=on where there is an author key.
    """
    from enarx.measure import id_block as made

    number = _policy(policy, flags)
    names = {part: f"{output}.{part}" for part in ("id-block", "id-auth")}
    for path in names.values():
        if os.path.lexists(path):
            raise MisconfiguredError(path, "does already exist", hints=("name another file",))
    block = made.id_block(
        _octets(launch_digest, "--launch-digest", 48),
        policy=number,
        family_id=_octets(family_id or "00" * 16, "--family-id", 16),
        image_id=_octets(image_id or "00" * 16, "--image-id", 16),
        guest_svn=guest_svn,
    )
    auth = made.id_auth(block, _key(id_key), _key(author_key) if author_key else None)
    signers = made.verify(block, auth)
    _write(names, {"id-block": block, "id-auth": auth})
    report = {
        "policy": f"0x{number:x}",
        "id_key_digest": signers.id_key_digest.hex(),
        "author_key_digest": signers.author_key_digest.hex(),
        "files": list(names.values()),
    }
    if as_json:
        click.echo(json.dumps(report, indent=2))
        return
    for name in ("policy", "id_key_digest", "author_key_digest"):
        click.echo(f"{name:<19}{report[name]}")


def _write(names: dict[str, str], parts: dict[str, bytes]) -> None:
    from enarx.adapters.package_files import write_new

    for part, data in parts.items():
        write_new(names[part], base64.b64encode(data) + b"\n")


def _policy(text: str, flags: tuple[str, ...]) -> int:
    try:
        number = int(text, 0)
    except ValueError as e:
        problem = f"got {text[:40]!r}, want a number such as 0x30000"
        raise MisconfiguredError("--policy", problem) from e
    for flag in flags:
        number |= 1 << POLICY_BITS[flag]
    try:
        return int(GuestPolicy(number))
    except ValueError as e:
        raise MisconfiguredError("--policy", str(e)) from e


def _octets(text: str, option: str, size: int) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != size:
        problem = f"got {text[:40]!r}, want {size} bytes in hexadecimal"
        raise MisconfiguredError(option, problem)
    return found


def _key(path: str) -> EllipticCurvePrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from enarx.adapters.package_files import read_file

    try:
        found = load_pem_private_key(read_file(path, _MAX_KEY_BYTES), None)
    except (MalformedError, ValueError, TypeError, UnsupportedAlgorithm) as e:
        problem = "is no private key in PEM without a password"
        raise MisconfiguredError(path, problem, hints=(_KEY_HINT,)) from e
    if not isinstance(found, ec.EllipticCurvePrivateKey) or found.curve.name != "secp384r1":
        raise MisconfiguredError(path, "want a key of P-384", hints=(_KEY_HINT,))
    return found
