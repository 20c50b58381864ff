"""The commands of `datawave`, each a call of the room that does the work."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from datawave.cli.running import finish, reachable, started, uncollected
from datawave.embedded.processes import CannotRun
from datawave.kit.secrets import Secret
from datawave.settings import Profile, Settings, SettingsError, load
from datawave.supervisor.household import FIRST_START, NEW_PASSWORD
from datawave.supervisor.sockets import handed_down, listening
from datawave.supervisor.word import hear_word, say_ready

if TYPE_CHECKING:
    from datawave.supervisor.plan import Plan

program = typer.Typer(
    help="DataWave: data governance, live.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
user = typer.Typer(help="People who may sign in.", no_args_is_help=True)
demo = typer.Typer(help="The demo source.", no_args_is_help=True)
audit = typer.Typer(help="The audit trail.", no_args_is_help=True)
keys = typer.Typer(help="Keys that sign access tokens.", no_args_is_help=True)
documents = typer.Typer(help="Documents that are asked for by their ids.", no_args_is_help=True)
for group, name in (
    (user, "user"),
    (demo, "demo"),
    (audit, "audit"),
    (keys, "keys"),
    (documents, "documents"),
):
    program.add_typer(group, name=name)

TO_PUT_AWAY = 10.0
"""Seconds that a process which leaves has after it has served."""
PASSPHRASE = "DATAWAVE_BACKUP_PASSPHRASE"
EmailArgument = Annotated[str, typer.Argument(help="The person's e-mail address.")]


@program.command()
def up(
    web: Annotated[bool, typer.Option(help="Build the dashboard when its sources changed.")] = True,
) -> NoReturn:
    """Run everything on this machine until Ctrl-C: servers, API, worker and agent, demo, dashboard."""
    from datawave.settings.fields import unknown_variables
    from datawave.supervisor.plan import become_supervisor

    settings = load()
    for name in unknown_variables():
        typer.echo(f"{name} is no setting of DataWave and is ignored.", err=True)
    if settings.tls_certificate is not None:
        from datawave.app.processes import certificate

        certificate(settings)  # before anything is started
    plan = planned(settings, web=web)
    become_supervisor(plan, [sys.executable, str(Path(sys.executable).with_name("datawave")), "up"])


def planned(settings: Settings, *, web: bool) -> Plan:
    """What `up` needs to know; the keys that development makes by itself are there then."""
    from datawave.settings.sources import ROOT
    from datawave.supervisor.plan import Plan

    if settings.profile is not Profile.PRODUCTION:
        settings.place.prepare()
        settings.master_key()
    return Plan(
        root=str(ROOT),
        home=str(settings.home),
        host=settings.host,
        port=settings.port,
        origin=settings.origin,
        local_url=settings.local_url,
        profile=settings.profile.value,
        api_processes=settings.api_processes,
        workers=settings.workers,
        connections=settings.connections,
        leave_within=settings.leave_seconds + TO_PUT_AWAY,
        demo=settings.demo,
        admin_email=settings.admin_email,
        has_admin_password=settings.admin_password is not None,
        database_url=settings.database_url.reveal() if settings.database_url else None,
        redis_url=settings.redis_url.reveal() if settings.redis_url else None,
        web=web,
    )


@program.command()
def serve() -> None:
    """Run the API alone, on servers that are set by URL, and on a socket that is handed down, if one is."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until it serves there is nothing to put away
    settings = started("serve")
    with uncollected():
        from datawave.app import know_api, serve

        know_api()
    if not hear_word():
        raise typer.Exit(1)
    sockets = handed_down() or listening(settings.host, settings.port)
    finish(serve(settings, sockets=sockets, on_started=say_ready))


@program.command()
def restart() -> None:
    """Replace the API and the workers of a running `datawave up` by fresh ones; no request fails."""
    from datawave.supervisor.renewal import renew

    renew(load().place)
    typer.echo("Restarted.")


@program.command()
def worker(
    agent: Annotated[bool, typer.Option("--agent", help="Run the built-in agent beside it.")] = False,
) -> None:
    """Run a worker for background jobs."""
    settings = started("worker")
    with uncollected():
        from datawave.app import know_work, run_worker

        know_work(with_agent=agent)
    finish(run_worker(settings, with_agent=agent))


@program.command()
def agent() -> None:
    """Run an agent near the data, which talks to the API at DATAWAVE_URL."""
    settings = started("agent")
    from datawave.app import run_agent

    finish(run_agent(settings))


@program.command()
def migrate(
    new_epoch: Annotated[
        bool, typer.Option("--new-epoch", help="After a restore by other tools: old cursors expire.")
    ] = False,
) -> None:
    """Bring the database to this release and make what it must hold: roles, admin, keys."""
    from datawave import migrations

    with reachable() as settings:
        found = finish(migrations.revision_of(settings.database().reveal()))
        migrations.is_current(found)
        made_up = None
        if found is None:
            settings, made_up = _with_admin_password(settings)
            if FIRST_START in os.environ:
                Path(os.environ[FIRST_START]).touch(mode=0o600)
        from datawave import bootstrap

        finish(bootstrap.migrate(settings, new_epoch=new_epoch))
        if made_up is not None:
            typer.echo(
                f"The admin is {settings.admin_email} with the password {made_up.reveal()} (shown once)."
            )


def _with_admin_password(settings: Settings) -> tuple[Settings, Secret | None]:
    """The first migration makes the admin, who needs a password."""
    if settings.admin_password is not None:
        return settings, None
    if settings.profile is Profile.PRODUCTION:
        raise SettingsError(["DATAWAVE_ADMIN_PASSWORD: must be set for the first migration, in production."])
    made_up = Secret(secrets.token_urlsafe(12))
    return settings.model_copy(update={"admin_password": made_up}), made_up


@user.command("add")
def add_user(email: EmailArgument, role: Annotated[str, typer.Option(help="The role's name.")]) -> None:
    """Add a person with a role on the whole platform."""
    from datawave import bootstrap

    with reachable() as settings:
        said = finish(bootstrap.add_user(settings, email, role))
    typer.echo(said or f"{email} was added with the role {role}.")


@user.command("set-password")
def set_password(email: EmailArgument) -> None:
    """Give a person a new password, for whoever is locked out."""
    from datawave import bootstrap

    given = os.environ.pop(NEW_PASSWORD, None)
    password = given or typer.prompt("New password", hide_input=True, confirmation_prompt=True)
    with reachable() as settings:
        finish(bootstrap.set_password(settings, email, Secret(password)))
    if given is None:
        typer.echo(f"{email} has a new password.")


@documents.command("register")
def register_documents(
    manifest: Annotated[Path, typer.Argument(help="JSON: ids to documents, or Apollo's manifest.")],
    name: Annotated[
        str | None, typer.Option(help="What it is called here; by default as the file is.")
    ] = None,
) -> None:
    """Check a client's documents against the schema, and let the API answer them by their ids."""
    from datawave.manifests import register

    typer.echo(register(load(), manifest, name=name))


@program.command()
def schema() -> None:
    """Print the API's schema."""
    from datawave.graphql import sdl

    typer.echo(sdl(), nl=False)


@program.command()
def doctor() -> None:
    """Say what would keep DataWave from running here, and what to do about it."""
    from datawave.doctor import examine

    try:
        settings = load()
    except SettingsError as refused:
        for problem in refused.problems:
            typer.echo(f"✗ {problem}")
        raise typer.Exit(1) from None
    findings = examine(settings)
    for finding in findings:
        typer.echo(f"{finding.mark} {finding.what}")
    if any(finding.is_trouble for finding in findings):
        raise typer.Exit(1)


@program.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The archive to write.")],
    with_key: Annotated[
        bool, typer.Option("--with-key", help=f"Put the master key in, wrapped by {PASSPHRASE} or a prompt.")
    ] = False,
) -> None:
    """Write the whole state of the embedded default into one file."""
    from datawave.backup import write_backup

    settings = load()
    passphrase = _passphrase(confirm=True) if with_key else None
    if settings.database_url is not None:
        raise CannotRun(
            "The database is not ours: back it up with pg_dump, keep DATAWAVE_SECRET_KEY, "
            "and after a restore run `datawave migrate --new-epoch`."
        )
    with reachable() as settings:
        said = write_backup(settings, file, passphrase=passphrase)
    for line in said:
        typer.echo(line)


@program.command()
def restore(
    file: Annotated[Path, typer.Argument(help="An archive that `datawave backup` wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace what the home holds.")] = False,
) -> None:
    """Bring the state of the embedded default back from a file."""
    from datawave.backup import read_backup

    for line in finish(
        read_backup(load(), file, replace=replace, passphrase=lambda: _passphrase(confirm=False))
    ):
        typer.echo(line)


def _passphrase(*, confirm: bool) -> Secret:
    given = os.environ.get(PASSPHRASE) or typer.prompt(
        "Passphrase", hide_input=True, confirmation_prompt=confirm
    )
    return Secret(given)


@demo.command("connect", hidden=True)
def connect_demo() -> None:
    """Connect the demo sources through the API; `up` runs this once the API answers."""
    settings = started("demo")
    from datawave import bootstrap

    finish(bootstrap.connect_demo(settings))
    (settings.home / "demo" / "connected").touch()


@demo.command("remove")
def remove_demo() -> None:
    """Take the demo sources, their server and their files away."""
    from datawave import bootstrap

    with reachable() as settings:
        finish(bootstrap.remove_demo(settings))
    typer.echo("The demo is gone.")


KeptAnchors = Annotated[
    Path | None,
    typer.Option("--anchor", help="Anchors that were kept elsewhere, as `anchors --json` writes."),
]
Moment = Annotated[datetime | None, typer.Option(help="A time, in UTC.")]


@audit.command("verify")
def verify_audit(
    anchor: KeptAnchors = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="An exported file, which is verified alone, offline.")
    ] = None,
) -> None:
    """Walk the chain of audit entries, hold it against its anchors, and say whether it is whole."""
    from datawave import trail

    if file is not None:
        found = trail.verify_file(file, kept=anchor)
        what = f"{file}, signed by the key {found.kid} as of {found.as_of}"
    else:
        with reachable() as settings:
            found = finish(trail.verify(settings, kept=anchor))
        what = "The audit trail"
    if found.intact:
        typer.echo(f"{what} is whole: {found.checked:,} entries, {found.anchors:,} anchors.")
        return
    at = f" at entry {found.broken_at}" if found.broken_at is not None else ""
    typer.echo(f"{'The audit trail' if file is None else file} breaks{at}: {found.problem}")
    typer.echo(f"The {found.checked:,} entries before that are whole.")
    raise typer.Exit(1)


@audit.command("anchor")
def anchor_audit() -> None:
    """Close the present stretch of the trail with a signed statement, and print it: keep it elsewhere."""
    from datawave import trail

    with reachable() as settings:
        typer.echo(json.dumps(finish(trail.anchor(settings))))


@audit.command("anchors")
def audit_anchors(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, to be kept.")] = False,
) -> None:
    """List the signed statements of where the chain stood."""
    from datawave import trail

    with reachable() as settings:
        line = "{number}: entries {first} to {last}, {at}, digest {digest}"
        found: list[dict[str, Any]] = finish(trail.all_anchors(settings))
        for each in found:
            typer.echo(json.dumps(each) if as_json else line.format(**each))


@audit.command("export")
def export_audit(since: Moment = None, until: Moment = None) -> None:
    """Write the trail to standard output as JSON Lines, the last of which is signed."""
    from datawave import trail

    with reachable() as settings:
        moments = {"since": _in_utc(since), "until": _in_utc(until)}
        written = finish(trail.export(settings, sys.stdout.buffer, **moments))
    typer.echo(f"{written:,} entries.", err=True)


def _in_utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None else None


@keys.command("rotate")
def rotate_keys() -> None:
    """Sign access tokens with a new key; nobody is signed out."""
    from datawave import bootstrap

    with reachable() as settings:
        typer.echo(f"Access tokens are signed with {finish(bootstrap.rotate_signing_key(settings))} now.")
