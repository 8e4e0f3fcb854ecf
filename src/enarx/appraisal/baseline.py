"""The built-in policy: what can be judged without values of the operator's, judged strictly.

It stands in where no policy was given.  Without reference values it names no image, so whoever
relies on it knows that genuine hardware runs *something*, without the host being able to look in;
every verdict says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.appraisal.catalogue import EVALUATED, PLATFORMS, SECTIONS
from enarx.appraisal.neutral import IMAGE, NEUTRAL, SIMULATED, TCB
from enarx.appraisal.policy import compiled
from enarx.appraisal.unstated import UNSTATED
from enarx.wire.shape import Unchecked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from enarx.appraisal.image import ReferenceValue
    from enarx.appraisal.policy import Policy

NAME = "baseline"
WITH_IMAGE = "installed-image"


def baseline(
    *, accept_simulated: bool = False, references: Sequence[ReferenceValue] = ()
) -> Policy:
    """The built-in policy.

    Args:
        accept_simulated: state that a simulation may be accepted; the caller of ``appraise`` must
            say so as well.
        references: accept their images, on their platforms, and nothing else.
    """
    stated: dict[str, object] = {one.key: one.baseline for one in (*NEUTRAL, *TCB)}
    for platform in PLATFORMS:
        stated |= {f"{platform}.{one.key}": one.baseline for one in SECTIONS[platform]}
    for (platform, key), reason in UNSTATED.items():
        stated[f"{platform}.{key}"] = Unchecked(reason)
    stated |= {f"{platform}.revocation": "required" for platform in EVALUATED}
    if accept_simulated:
        stated[SIMULATED] = "allowed"
    if not references:
        return compiled(stated, name=NAME, platforms=PLATFORMS)
    images = dict.fromkeys(one.image for one in references)
    stated[IMAGE] = tuple({"name": one.name, "version": one.version} for one in images)
    platforms = dict.fromkeys(one.platform for one in references)
    return compiled(stated, name=WITH_IMAGE, platforms=platforms, references=references)
