"""The program `datawave`. Each command starts in its own time: nothing is imported before it is asked for."""

from __future__ import annotations

import sys

from datawave.embedded.processes import CannotRun
from datawave.supervisor.plan import handed_over

REFUSED = 2
TRY_AGAIN = 1
"""What is not there now may be there in a moment: the supervisor starts such a command again."""


def main() -> int:
    """Run what the command line asks; a refusal is one line on stderr and exit code 2."""
    plan = handed_over()
    if plan is not None:
        from datawave.supervisor.main import supervise

        return supervise(plan)
    from datawave.cli.program import program
    from datawave.migrations import DatabaseUnreachable, WrongDatabase
    from datawave.settings import SettingsError

    try:
        program(prog_name="datawave")
    except SettingsError as refused:
        for problem in refused.problems:
            sys.stderr.write(f"{problem}\n")
        return REFUSED
    except (CannotRun, WrongDatabase) as refused:
        sys.stderr.write(f"{refused}\n")
        return REFUSED
    except DatabaseUnreachable as refused:
        sys.stderr.write(f"{refused}\n")
        return TRY_AGAIN
    return 0
