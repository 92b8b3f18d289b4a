"""pgbouncer in transaction mode, in front of the tests' server."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

PORT = 6432  # of its unix socket only
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

CONFIGURATION = """
[databases]
* = host={server} port={server_port}

[pgbouncer]
pool_mode = transaction
listen_addr =
listen_port = {port}
unix_socket_dir = {folder}
auth_type = trust
auth_file = {folder}/users
admin_users = pgbouncer
default_pool_size = 40
server_check_delay = 0
"""


@contextmanager
def pgbouncer(server: str, server_port: int, logins: list[str]) -> Iterator[Path]:
    """Run it for the block; yield the folder of its socket, where `PORT` takes these logins to every database."""
    assert PROGRAM, "pgbouncer is not installed"
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-", dir="/tmp"))
    (folder / "users").write_text("".join(f'"{login}" ""\n' for login in [*logins, "pgbouncer"]))
    (folder / "ini").write_text(CONFIGURATION.format(server=server, server_port=server_port, port=PORT, folder=folder))
    account = None
    if os.geteuid() == 0:  # it does not run as root, nor may others into the server's folder
        account = "nobody"
        for path in (folder, folder / "users", folder / "ini"):
            shutil.chown(path, account)
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(
            [PROGRAM, "--quiet", folder / "ini"],
            stdout=log,
            stderr=log,
            user=account,
            extra_groups=None if account is None else [],
        )
    try:
        _wait_until_ready(running, folder)
        yield folder
    finally:
        running.kill()
        running.wait()
        shutil.rmtree(folder)


def _wait_until_ready(running: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            psycopg.connect(host=str(folder), port=PORT, user="pgbouncer", dbname="pgbouncer").close()
        except psycopg.OperationalError:
            assert running.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.02)
        else:
            return
