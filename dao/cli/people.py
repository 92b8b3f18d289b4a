"""``mentorbase export`` and ``mentorbase erase``."""

from __future__ import annotations

import json as json_module
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from .. import people
from ..crypto import Vault
from ..errors import KeyMissing, SetupError
from ..people import Erased, Person
from ..settings import Settings
from .console import Dsn, Json, err, json_value, out, print_json

User = Annotated[int | None, typer.Argument(help="The person: auth.users.id.", show_default=False)]
TelegramId = Annotated[int | None, typer.Option(help="Or by their Telegram account.", show_default=False)]
Email = Annotated[
    str | None,
    typer.Option(
        help="Or, for the GetCourse bot and tutormax, by e-mail address; with keys it is found among their contacts.",
        show_default=False,
    ),
]
TutorId = Annotated[str | None, typer.Option(help="As a tutor of tutormax (tutors.tutor_id).", show_default=False)]
StudentId = Annotated[
    str | None, typer.Option(help="As a student of tutormax (students.student_id).", show_default=False)
]


def export(
    user: User = None,
    telegram_id: TelegramId = None,
    email: Email = None,
    tutor_id: TutorId = None,
    student_id: StudentId = None,
    output: Annotated[Path | None, typer.Option(help="The file, a new one.", show_default="person-<USER>.json")] = None,
    dsn: Dsn = None,
    json: Json = False,
) -> None:
    """Write what the database keeps of one person, of all its services, into a JSON file that only you can read.

    With MENTORBASE_KEYS and MENTORBASE_INDEX_KEY contacts and words are decrypted. Of other people there is nothing in
    it, and no secrets. --json prints it instead. The login must be a member of mentorbase_owner.
    """
    person = _person(user, telegram_id, email, tutor_id, student_id)
    settings = Settings.load()
    done = people.export(settings.require_dsn(dsn), person, vault=_vault(settings))
    document = {"person": {name: value for name, value in asdict(person).items() if value is not None}} | asdict(done)
    if json:
        print_json(document)
        return
    path = output or Path(f"person-{user or telegram_id or tutor_id or student_id or 'email'}.json")
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise SetupError(f"{path} cannot be written: {error.strerror}", "Give another --output") from error
    with os.fdopen(file, "w", encoding="utf-8") as stream:
        json_module.dump(document, stream, indent=2, ensure_ascii=False, default=json_value)
    rows = sum(len(found) for tables in done.services.values() for found in tables.values())
    out.print(f"{path}: {rows} rows of {', '.join(done.services)}.")
    for column, count in done.not_decrypted.items():
        err.print(f"[yellow]encrypted[/]  {count} of {column}: set MENTORBASE_KEYS and MENTORBASE_INDEX_KEY")


def erase(
    user: User = None,
    telegram_id: TelegramId = None,
    email: Email = None,
    tutor_id: TutorId = None,
    student_id: StudentId = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dsn: Dsn = None,
    json: Json = False,
) -> None:
    """Erase one person from all services of the database, all or nothing; it cannot be taken back.

    Says first how many rows of each table that concerns, and asks. What lives on ends (relationships, bookings,
    lessons, memberships, quests), histories stay without the person's words, and nothing names them any more; nor do
    the audit logs. That it was done is kept in platform.erasures. Backups still have the person. Run again it finds
    nothing. The login must be a member of mentorbase_owner.
    """
    person = _person(user, telegram_id, email, tutor_id, student_id)
    settings = Settings.load()
    found, vault = settings.require_dsn(dsn), _vault(settings)
    if not (dry_run or yes or json):
        _show(people.erase(found, person, vault=vault, dry_run=True), "would be")
        typer.confirm("Erase this person? It cannot be taken back.", abort=True, err=True)
    elif json and not (dry_run or yes):
        raise SetupError("--json does not ask", "Add --yes, or --dry-run")
    done = people.erase(found, person, vault=vault, dry_run=dry_run)
    if json:
        print_json({"dry_run": dry_run, "tables": [row._asdict() for row in done]})
        return
    _show(done, "would be" if dry_run else "was")
    out.print("Nothing was changed." if dry_run or not done else "The person is erased. Older backups are not.")


def _show(done: list[Erased], verb: str) -> None:
    table = Table("service", "table", "rows", "what", box=None, pad_edge=False)
    for row in done:
        table.add_row(row.service, row.table or "by its rules", str(row.rows), f"{verb} {row.what}")
    out.print(table)


def _person(
    user: int | None, telegram_id: int | None, email: str | None, tutor_id: str | None, student_id: str | None
) -> Person:
    person = Person(user, telegram_id, email, tutor_id, student_id)
    if person == Person():
        raise SetupError("nobody is named", "Give auth.users.id, or one of the options")
    if user is not None and telegram_id is not None:
        raise SetupError("USER and --telegram-id are two names of one person", "Give one of them")
    return person


def _vault(settings: Settings) -> Vault | None:
    try:
        return Vault.load(settings)
    except KeyMissing:
        return None
