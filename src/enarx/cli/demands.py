"""Options of every command that accepts a keep: policy, endorsements, roots."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from enarx.cli.endorsement_sources import SourceOptions, load_given, source_options_on_demand

if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.appraisal.image import ReferenceValue
    from enarx.appraisal.policy import Policy
    from enarx.cli.acceptance import Demands
    from enarx.cli.hosts import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the command line says about it."""

    policy_file: str
    endorsements: tuple[str, ...]
    trust_root: str
    accept_simulated: bool
    vm_image: str
    sources: SourceOptions

    def policy_of(self, target: Target) -> str:
        """The policy's path: as given, or the context's; empty for the built-in policy."""
        return self.policy_file or target.context.policy

    def policy(self, target: Target) -> Policy | None:
        """The policy that is named; None for the built-in one.

        Raises:
            MisconfiguredError: it is wrong.
        """
        from enarx.adapters.policy_files import read_policy

        path = self.policy_of(target)
        return read_policy(path) if path else None

    def demands(self, target: Target, platform: str, policy: Policy | None) -> Demands:
        """What an owner demands of a keep on *platform*, as of now.

        Args:
            policy: as ``policy`` returned it; without one the keep must be of the image that is
                installed here.

        Raises:
            MisconfiguredError: an option is wrong, or this installation is not whole.
        """
        from enarx.adapters.system_clock import SystemClock
        from enarx.appraisal.baseline import baseline
        from enarx.cli.acceptance import Demands
        from enarx.cli.authentication import Means

        simulated = self.accept_simulated or target.context.insecure_accept_simulated
        means = Means(
            given=load_given(self.endorsements).endorsements,
            trust_root=self.trust_root,
            accept_simulated=simulated,
            sources=self.sources,
            at=SystemClock().now(),
        )
        if policy is None:
            references = self._references(platform)
            policy = baseline(accept_simulated=simulated, references=references)
        return Demands(means=means, policy=policy)

    def _references(self, platform: str) -> tuple[ReferenceValue, ...]:
        """What is installed here and can be a keep on *platform*."""
        from enarx.cli.installed_image import (
            has_vm_image,
            installed_references,
            vm_platforms,
            vm_references,
        )
        from enarx.protocol.platforms import VIRTUAL_MACHINES

        if platform in VIRTUAL_MACHINES or self.vm_image:
            return vm_references(self.vm_image, (platform,))
        found = installed_references((platform,))
        if has_vm_image() and platform in vm_platforms(""):
            found += vm_references("", (platform,))
        return found


def demand_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* these options, collected into its argument ``given``."""

    @functools.wraps(command)
    def collected(
        *, policy: str, endorsements: tuple[str, ...], trust_root: str, accept_simulated: bool,
        vm_image: str, sources: SourceOptions, **values: Any,  # noqa: ANN401 - click passes options as keywords
    ) -> Any:  # noqa: ANN401  # fmt: skip
        given = Given(
            policy_file=policy,
            endorsements=endorsements,
            trust_root=trust_root,
            accept_simulated=accept_simulated,
            vm_image=vm_image,
            sources=sources,
        )
        return command(given=given, **values)

    found: Callable[..., Any] = source_options_on_demand(collected)
    for option in reversed(_OPTIONS):
        found = option(found)
    return found


_OPTIONS = (
    click.option(
        "-p",
        "--policy",
        metavar="FILE",
        default="",
        help="What evidence must say; by default that it is of the installed image.",
    ),
    click.option(
        "-e",
        "--endorsements",
        multiple=True,
        metavar="PATH",
        help="Certificates, revocation lists and collateral; repeatable.",
    ),
    click.option(
        "--trust-root", metavar="FILE", default="", help="A root to believe beside the vendors'."
    ),
    click.option(
        "--insecure-accept-simulated",
        "accept_simulated",
        is_flag=True,
        help="Accept simulated platforms, which protect nothing from the host.",
    ),
    click.option(
        "--vm-image",
        metavar="DIR",
        default="",
        help="Without a policy: the image of virtual machines to insist on.  "
        "[default: where enarx image build puts it]",
    ),
)
