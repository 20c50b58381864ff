"""Files that the platform keeps."""

from __future__ import annotations

from datetime import datetime

import strawberry

from schema.scalars import BigInt


@strawberry.type(description="A file in the blob store; `url` is signed and short-lived.")
class StoredFile:
    name: str
    media_type: str
    size: BigInt
    sha256: str
    url: str = strawberry.field(
        description="Good for some minutes, while the session lasts in which it was asked for."
    )
    url_expires_at: datetime
    expires_at: datetime | None = strawberry.field(description="When the file itself goes.")
