"""Every command, by whoever lacks its permission: refused before any of its input is looked at."""

from __future__ import annotations

import pytest

from datawave.app.core import know_everything
from datawave.kit.access import NOBODY, SYSTEM, Rights, Scope, Viewer
from datawave.kit.commands import COMMANDS, INSIDE, PUBLIC, SIGNED_IN
from datawave.kit.errors import AccessError, ErrorCode
from datawave.kit.ids import new_id
from datawave.kit.tables import AuditEntry, Outcome
from schema.context import Context
from schema.fields import mutation
from tests.domain.conftest import Platform
from tests.fixtures.api import House

know_everything()
DECLARED = sorted(name for name, each in COMMANDS.items() if each.run.__module__.startswith("domain."))
GUARDED = [name for name in DECLARED if COMMANDS[name].needs not in (PUBLIC, SIGNED_IN, INSIDE)]
NOT_OPEN = [name for name in DECLARED if COMMANDS[name].needs not in (PUBLIC, INSIDE)]


def with_all_but(permission: str) -> Viewer:
    from auth.permissions import Permission

    held = {each.value: Scope(everywhere=True) for each in Permission if each.value != permission}
    return Viewer(actor_id=new_id(), actor_word="user", rights=Rights(held=held))


async def test_without_its_permission_every_command_is_forbidden(platform: Platform) -> None:
    for name in GUARDED:
        needs = COMMANDS[name].needs
        with pytest.raises(AccessError) as refused:
            await platform.commands.run(COMMANDS[name], with_all_but(needs), {})
        assert (refused.value.code, refused.value.permission) == (ErrorCode.FORBIDDEN, needs), name
    written = await platform.entries(AuditEntry.outcome == Outcome.REFUSED)
    assert sorted(each.action for each in written) == [name for name in GUARDED if COMMANDS[name].recorded]
    assert len(GUARDED) > 20


async def test_without_signing_in_every_command_is_unauthenticated(platform: Platform) -> None:
    for name in NOT_OPEN:
        with pytest.raises(AccessError) as refused:
            await platform.commands.run(COMMANDS[name], NOBODY, {})
        assert refused.value.code is ErrorCode.UNAUTHENTICATED, name


async def test_what_is_run_inside_alone_is_refused_to_resolvers(house: House) -> None:
    inside = COMMANDS["destroy_source"]
    with pytest.raises(TypeError, match="no resolver"):
        await Context(platform=house.served.platform, viewer=SYSTEM).run(inside, source_id=new_id())
    with pytest.raises(TypeError, match="no field"):
        mutation(runs=inside, description="Never.")
