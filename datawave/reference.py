"""Writes the reference pages of the docs from the code: `python -m datawave.reference`. A test holds them
current."""

from __future__ import annotations

import sys
from pathlib import Path

from auth.permissions import BUILT_IN_ROLES, DANGEROUS, MEANING, Permission
from connectors import protocol
from connectors.registry import connectors
from datawave.app.core import know_everything
from datawave.kit.events import KINDS
from datawave.settings.reference import reference

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
MADE = "*Written from the code by `python -m datawave.reference`.*\n"


def pages() -> dict[str, str]:
    know_everything()
    return {
        "permissions.md": _permissions(),
        "events.md": _events(),
        "settings.md": _settings(),
        "connectors.md": _connectors(),
        "agent-protocol.md": protocol.page(),
    }


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return "\n".join(
        [*lines, *(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows)]
    )


def _permissions() -> str:
    rows = [
        [
            f"`{p.value}`" + (" ⚠" if p in DANGEROUS else ""),
            MEANING[p],
            ", ".join(name for name, (_, held) in BUILT_IN_ROLES.items() if p in held),
        ]
        for p in Permission
    ]
    roles = [[name, words] for name, (words, _) in BUILT_IN_ROLES.items()]
    return (
        f"# Permissions\n\n{MADE}\nA permission is held everywhere, in a workspace, or on a source."
        " ⚠ marks dangerous ones.\n\n"
        f"{_table(['permission', 'allows', 'built-in roles that hold it'], rows)}\n\n## Built-in roles\n\n"
        f"{_table(['role', 'for'], roles)}\n"
    )


def _events() -> str:
    rows = [
        [
            f"`{name}`",
            " ".join((kind.__doc__ or "").split()) if kind.__doc__ else "",
            ", ".join(f"`{t}`" for t in kind.topics),
        ]
        for name, kind in sorted(KINDS.items())
        if kind.topics and kind.__subclasses__() == [] and not kind.__module__.startswith("tests")
    ]
    rows = [[name, "" if "(*" in words else words, topics] for name, words, topics in rows]
    return (
        f"# Events\n\n{MADE}\nEvery event is also in the topic `all`; `eventRecorded` follows it.\n\n"
        f"{_table(['event', 'happens when', 'topics'], rows)}\n"
    )


def _settings() -> str:
    rows = [
        [
            f"`{row.variable}`",
            row.description,
            "•••" if row.secret else f"`{row.default}`" if row.default not in (None, "") else "",
            "no" if row.restart_needed else "yes",
        ]
        for row in reference()
    ]
    return (
        f"# Settings\n\n{MADE}\nSet by environment variable, `.env`, or the profile file.\n\n"
        f"{_table(['setting', 'meaning', 'default', 'changes without a restart'], rows)}\n"
    )


def _connectors() -> str:
    rows = [
        [
            f"`{kind}`",
            found.display_name,
            ", ".join(sorted(c.value for c in found.capabilities)),
            "yes" if found.run_live else "**not run against a live server**",
        ]
        for kind, found in connectors().items()
    ]
    return f"# Connectors\n\n{MADE}\n{_table(['kind', 'name', 'can', 'run live in tests'], rows)}\n"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text)
        sys.stdout.write(f"docs/reference/{name}\n")


if __name__ == "__main__":
    main()
