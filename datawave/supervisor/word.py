"""What supervisor and child say to each other: the word that a child waits for which was started ahead of
what it needs, and the child's own that it is ready.

Importing the API takes longer than starting the servers: both happen at once, and only then is anything
touched."""

from __future__ import annotations

import contextlib
import os

WORD = "DATAWAVE_PLAN_WORD_FD"
READY = "DATAWAVE_PLAN_READY_FD"


def hear_word() -> bool:
    """Wait for the word, and say whether it came: without a supervisor at once, never from one that is
    gone."""
    descriptor = os.environ.pop(WORD, None)
    if descriptor is None:
        return True
    with os.fdopen(int(descriptor), "rb", buffering=0) as pipe:
        return pipe.read(1) != b""


def say_ready() -> None:
    """To the supervisor, if there is one; it may be gone."""
    descriptor = os.environ.pop(READY, None)
    if descriptor is not None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(int(descriptor), "wb", buffering=0) as pipe:
            pipe.write(b"\n")
