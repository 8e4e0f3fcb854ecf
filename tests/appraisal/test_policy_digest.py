"""Digests of policies: one for one meaning, the same in every release."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from enarx.appraisal.catalogue import SECTIONS, neutral
from enarx.appraisal.policy import Policy, load

Make = Callable[..., Any]


def policy_in(text: str) -> Policy:
    """The policy, which must have no problem."""
    return load("p.toml", {"p.toml": text.encode()})


def test_a_digest_is_of_what_is_demanded(policy_file: Make) -> None:
    """Comments and the order of keys and lists do not count; each value, reason and name does."""
    text = policy_file(**{"snp.vmpl": "[0, 1]", "snp.signers": '["vcek"]'})
    first = policy_in(text)
    assert len(first.sha256) == 32
    head, *rest = text.splitlines()
    again = "\n".join(["# a comment", head, *reversed(rest)]).replace("[0, 1]", "[1, 0]")
    assert policy_in(again).sha256 == first.sha256
    for old, new in (
        ("[0, 1]", "[0]"),
        ('name = "test"', 'name = "other"'),
        ("no guest_svn", "other reason"),
        ('["vcek"]', '["vcek", "vlek"]'),
    ):
        assert policy_in(text.replace(old, new)).sha256 != first.sha256


def test_a_digest_is_of_the_reference_values_too(policy_file: Make) -> None:
    """Accepting another measurement is another policy; what counts for no platform is not."""

    def entry(platform: str, value: str) -> str:
        return (
            f'[[reference_values]]\nname = "app"\nversion = "1"\nplatform = "{platform}"\n'
            f"measurements = {{ {value} }}\n"
        )

    def digest(*entries: str) -> bytes:
        image = '[{ name = "app", version = "1" }]'
        return policy_in(policy_file(image=image, tail="".join(entries))).sha256

    first = entry("snp", 'measurement = ["00", "01"]')
    assert digest(first) == digest(entry("snp", 'measurement = ["01", "00"]'))
    assert digest(first) == digest(first, entry("nitro", 'pcr0 = ["00"]'))
    assert digest(first) != digest(entry("snp", 'measurement = ["00"]'))


def test_a_digest_stays_what_it_is(policy_file: Make) -> None:
    """Results and logs hold digests: the same policy has the same one in every release."""
    entry = (
        '[[reference_values]]\nname = "app"\nversion = "1"\nplatform = "snp"\n'
        'measurements = { measurement = ["02", "01"], other = { unchecked = "why" } }\n'
    )
    stated = {
        "image": '[{ name = "app", version = "1" }]',
        "collateral_age": '"30d"',
        "snp.vmpl": "[1, 0]",
        "snp.minimum_launch_tcb": "{ Milan = { bootloader=1, tee=0, snp=2, microcode=3 } }",
    }
    policy = policy_in(policy_file(tail=entry, **stated))
    values = {one.key: {"unchecked": f"no {one.key}"} for one in neutral("snp")}
    own = {f"snp.{one.key}": {"unchecked": f"no {one.key}"} for one in SECTIONS["snp"]}
    document = {
        "name": "test",
        "platforms": ["snp"],
        "properties": {
            **values,
            **own,
            "simulated": "forbidden",
            "image": [{"name": "app", "version": "1"}],
            "collateral_age": 2592000.0,
            "snp.vmpl": [0, 1],
            "snp.minimum_launch_tcb": {
                "Milan": {"bootloader": 1, "tee": 0, "snp": 2, "microcode": 3}
            },
        },
        "reference_values": [
            sorted(
                ["app", "1", "snp", [{"measurement": ["01", "02"], "other": {"unchecked": "why"}}]],
                key=lambda item: json.dumps(item, separators=(",", ":")),
            )
        ],
        "version": 1,
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    assert policy.sha256 == hashlib.sha256(text.encode()).digest()
