"""`python -m datawave.demo HOME`: prepare the demo, then become its PostgreSQL."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from datawave import demo
from datawave.demo import database
from datawave.embedded import postgres, processes


def main(arguments: list[str]) -> int:
    home = Path(arguments[0])
    if not demo.is_wanted(home):
        return 0
    try:
        made = demo.prepare(home)
        postgres.end_orphan(made.folder / "postgres")
        command = database.serving_command(made.folder)
    except processes.CannotRun as refused:
        sys.stderr.write(f"The demo cannot be served: {refused}\n")
        return 1
    os.execvpe(command[0], command, postgres.clean_environment())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
