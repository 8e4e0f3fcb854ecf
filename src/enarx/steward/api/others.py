"""The routes of the other parts: log, secrets, policies, guests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.steward.attest.guests import Guests
from enarx.steward.broker import routes as broker_routes
from enarx.steward.broker.entries import logged
from enarx.steward.broker.kbs import routes as kbs_routes
from enarx.steward.broker.kbs.resources import Resources
from enarx.steward.broker.kbs.routes import Verdicts
from enarx.steward.broker.release import Broker
from enarx.steward.broker.vault import Vault
from enarx.steward.log import routes as log_routes
from enarx.steward.policies import routes as policy_routes
from enarx.steward.policies.changes import Policies
from enarx.steward.policies.routes import PolicyService

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

    from enarx.steward.api.desk import Desk
    from enarx.steward.attest.service import Service
    from enarx.steward.policies.document import StewardPolicy


def routes(service: Service, desk: Desk, guests: StewardPolicy | None) -> list[Route]:
    """All of them.

    Args:
        guests: the policy for guests of Confidential Containers; None: they are not served.
    """
    vault = Vault(service.authority.secrets_key)
    log = logged(service.log.append, service.authority.secrets_key)
    found = [
        *log_routes.routes(service.log, desk.run),
        *broker_routes.routes(
            Broker(vault, judge=service.judge, allowed=service.secrets_of, log=log),
            vault,
            engine=service.engine,
            writer=service.writer,
            admit=desk.operator_of,
            now=lambda: int(service.now().timestamp()),
            limits=desk.settings.limits,
        ),
        *policy_routes.routes(_policies(service, desk)),
    ]
    if guests is not None:
        judge = Guests(service, guests)
        found += kbs_routes.routes(
            Resources(vault, allowed=service.secrets_of, log=log),
            Verdicts(judge=judge.judge, issue=judge.issue, verify=judge.verify),
            engine=service.engine,
            writer=service.writer,
            now=lambda: int(service.now().timestamp()),
            limits=desk.settings.limits,
        )
    return found


def _policies(service: Service, desk: Desk) -> PolicyService:
    """The policies, which an operator proposes and approvers sign."""

    async def read(request: Request) -> None:
        desk.count(request)

    return PolicyService(
        engine=service.engine,
        writer=service.writer,
        policies=Policies(origin=service.log.origin, append=service.log.append),
        now=lambda: int(service.now().timestamp()),
        admin=desk.operator_of,
        reader=read,
        limits=desk.settings.limits,
        anchors=service.means.anchors,
        accept_simulated=service.means.accept_simulated,
    )
