"""Who may look at the schema: by `__schema` and `__type`, as text, and through GraphiQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from starlette.requests import HTTPConnection

from datawave.app.door import FrontDoor, Inside
from datawave.kit.errors import ErrorCode
from datawave.transports.credentials import Cookies, bearer
from datawave.transports.door import Refused, Session, entered

Policy = Literal["everybody", "signed-in", "nobody"]

NOBODY = "The schema is not shown here; docs/ and a checkout of the same release have it."


@dataclass(frozen=True, kw_only=True)
class Introspection:
    policy: Policy
    door: FrontDoor
    cookies: Cookies
    enter_seconds: float

    def refuse_look(self, session: Session) -> None:
        """`Refused` for whoever may not."""
        if self.policy == "nobody":
            raise Refused(ErrorCode.FORBIDDEN.value, NOBODY)
        if self.policy == "signed-in" and not cast("Inside", session).viewer.signed_in:
            raise Refused(ErrorCode.UNAUTHENTICATED.value, "Sign in to look at the schema.")

    async def refuse_page(self, connection: HTTPConnection) -> None:
        """The same for a page, which nobody else's page can read: so any cookie counts for it."""
        if self.policy == "everybody":
            return
        session = await entered(
            self.door,
            connection,
            token=bearer(connection),
            cookie=self.cookies.carried(connection),
            seconds=self.enter_seconds,
        )
        self.refuse_look(session)
