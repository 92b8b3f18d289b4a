"""``mentorbase reencrypt``."""

from __future__ import annotations

from dataclasses import asdict

import typer

from ..contacts import ContactCipher, rotate_contacts
from ..database import Database
from ..settings import Settings
from .console import Dsn, Json, err, out, print_json, progress


def reencrypt(dsn: Dsn = None, json: Json = False) -> None:
    """Encrypt with the first of MENTORBASE_KEYS what the others encrypted, so that those can be given up.

    First give every application the new key, behind the one it encrypts with; then put it in front; then run this. It
    works in batches while they go on, and can be stopped and run again at any time. The login must be an application's
    (auth_app or mentorbase_app). Exit code 3 if something is left under another key.
    """
    settings = Settings.load().model_copy(update={"db_pool_min_size": 1})
    cipher = ContactCipher.load(settings)
    with Database.connect(dsn, settings=settings) as db, progress(json) as bars:
        task = bars.add_task("Contacts", total=None)
        done = rotate_contacts(db, cipher, progress=lambda count: bars.update(task, completed=count))
    if json:
        print_json(asdict(done) | {"current_key": cipher.vault.key_ids[0]})
    else:
        out.print(f"{done.resealed} contacts are now under key {cipher.vault.key_ids[0]}.")
        if done.overtaken:
            err.print(f"{done.overtaken} were written meanwhile: run it again.")
        for contact_id in done.unreadable:
            err.print(f"[red]unreadable[/]  auth.user_contacts id {contact_id}: it was changed, or moved there")
        for key_id in done.unknown_keys:
            err.print(f"[red]unknown[/]     key {key_id}: add it to MENTORBASE_KEYS and run this again")
    if not done.is_complete:
        raise typer.Exit(3)
