"""`datawave up`: everything on one machine, kept running until it is told to end."""

from __future__ import annotations

from collections.abc import Callable

from datawave.embedded.processes import CannotRun
from datawave.supervisor.household import Household
from datawave.supervisor.keeping import Supervisor, end_predecessors, say
from datawave.supervisor.plan import Plan


def supervise(plan: Plan, household_of: Callable[[Plan], Household] = Household) -> int:
    """Run the plan to its end and give the exit code."""
    household = household_of(plan)
    try:
        household.home.prepare()
        with household.home.locked():
            end_predecessors(household.home.running)
            household.home.finish_restore()
            household.listen()
            household.claim_ports()
            household.count_anew()
            say(f"DataWave starts (home {plan.home}) …")
            return Supervisor(
                household.children(),
                running=household.home.running,
                renewed=household.home.renewed,
                on_change=Milestones(household),
            ).run()
    except CannotRun as refused:
        say(f"DataWave cannot run: {refused}")
        return 1


class Milestones:
    """What is done once on the way: the stamp after the migration, the welcome once the API answers."""

    def __init__(self, household: Household) -> None:
        self._household = household
        self._noted = False
        self._welcomed = False

    def __call__(self, supervisor: Supervisor) -> None:
        if not self._noted and supervisor.is_settled("migrate"):
            self._noted = True
            self._household.note_migration()
        if not self._welcomed and supervisor.is_settled("serve-1"):
            self._welcomed = True
            for line in self._household.welcome():
                say(line)
            self._household.has_welcomed()
