"""``mentorbase reencrypt``."""

from __future__ import annotations

from dataclasses import asdict

import typer

from ..contacts import ContactCipher, Rotated, rotate_contacts
from ..crypto import Vault
from ..database import Database
from ..errors import SetupError
from ..settings import Settings
from ..words import RotatedWords, WordCipher, rotate_words
from .console import Dsn, Json, err, out, print_json, progress

_MAY = """
SELECT
    to_regclass('auth.user_contacts') IS NOT NULL,
    to_regclass('quests.messages') IS NOT NULL,
    EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = 'mentorbase_owner' AND pg_has_role(r.oid, 'USAGE'))
"""


def reencrypt(dsn: Dsn = None, json: Json = False) -> None:
    """Encrypt with the first of MENTORBASE_KEYS what the others encrypted, so that those can be given up.

    First give every application the new key, behind the one it encrypts with; then put it in front; then run this. It
    works in batches while they go on, and can be stopped and run again at any time. The login must be a member of
    mentorbase_owner; an application's (auth_app or mentorbase_app) does the contacts only, for nobody else may see all
    words. Exit code 3 if something is left under another key.
    """
    settings = Settings.load().model_copy(update={"db_pool_min_size": 1})
    vault = Vault.load(settings)
    contacts: Rotated | None = None
    words: RotatedWords | None = None
    with Database.connect(dsn, settings=settings) as db, progress(json) as bars:
        with db.transaction() as tx:
            has_contacts, has_words, is_owner = tx.connection.execute(_MAY).fetchone() or (False, False, False)
        if not (has_contacts or has_words):
            raise SetupError("there is nothing encrypted in this database", "Run mentorbase migrate first")
        if has_contacts:
            contacts_bar = bars.add_task("Contacts", total=None)
            contacts = rotate_contacts(
                db, ContactCipher(vault), progress=lambda count: bars.update(contacts_bar, completed=count)
            )
        if has_words and is_owner:
            words_bar = bars.add_task("Words", total=None)
            words = rotate_words(db, WordCipher(vault), progress=lambda count: bars.update(words_bar, completed=count))
    if json:
        told = asdict(contacts or Rotated()) | {"current_key": vault.key_ids[0]}
        print_json(told | {"words": asdict(words) if words else None})
    else:
        _tell(contacts, words, vault.key_ids[0])
        if has_words and words is None:
            err.print("Words were left out: for those use the login that deploys.")
    if not (contacts is None or contacts.is_complete) or not (words is None or words.is_complete):
        raise typer.Exit(3)


def _tell(contacts: Rotated | None, words: RotatedWords | None, current: int) -> None:
    unreadable: list[str] = []
    for done, what in ((contacts, "contacts"), (words, "texts")):
        if done is None:
            continue
        out.print(f"{done.resealed} {what} are now under key {current}.")
        if done.overtaken:
            err.print(f"{done.overtaken} were written meanwhile: run it again.")
    if contacts:
        unreadable += [f"auth.user_contacts id {contact_id}" for contact_id in contacts.unreadable]
    if words:
        unreadable += [f"{column} id {row_id}" for column, ids in words.unreadable.items() for row_id in ids]
    for place in unreadable:
        err.print(f"[red]unreadable[/]  {place}: it was changed, or moved there")
    for key_id in sorted({*(contacts.unknown_keys if contacts else ()), *(words.unknown_keys if words else ())}):
        err.print(f"[red]unknown[/]     key {key_id}: add it to MENTORBASE_KEYS and run this again")
