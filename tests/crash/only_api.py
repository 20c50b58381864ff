"""The supervisor of `datawave up` with its API processes alone: all the rest takes longer to start than a
test of the API runs."""

from __future__ import annotations

import sys

from datawave.cli.program import planned
from datawave.settings import load
from datawave.supervisor.children import Child
from datawave.supervisor.household import Household
from datawave.supervisor.main import supervise


class OnlyApi(Household):
    def children(self) -> list[Child]:
        return [child for child in super().children() if child.name.startswith("serve")]


if __name__ == "__main__":
    sys.exit(supervise(planned(load(), web=False), OnlyApi))
