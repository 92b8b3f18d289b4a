"""A server that is too old, which no machine of ours has: it speaks enough of the protocol to be asked its version."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

VERSION = "14.11 (Debian 14.11-1.pgdg120+2)"


@contextmanager
def old_server() -> Iterator[str]:
    """Yield the DSN of a server that admits everybody, names its version, and answers nothing else."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=[listener], daemon=True).start()
        port = listener.getsockname()[1]
        yield f"host=127.0.0.1 port={port} dbname=old user=old sslmode=disable gssencmode=disable"
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            with client:
                client.recv(4096)
                ready = _message(b"Z", b"I")
                version = _message(b"S", b"server_version\0" + VERSION.encode() + b"\0")
                client.sendall(_message(b"R", struct.pack("!i", 0)) + version + ready)
                client.recv(4096)  # the end of the connection, or a question it will not answer


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body
