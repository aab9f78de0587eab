"""`talkernel study serve`: listens, and serves the page to all who ask."""

from __future__ import annotations

import socket
from pathlib import Path

import uvicorn

from talkernel.errors import OptionError
from talkernel.lab.study.app import study_app

WAITING = 128  # connections that may wait to be accepted
PATIENCE = 2  # seconds for requests under way when the server stops
# Nothing from elsewhere is loaded, nothing is told to elsewhere.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def study_server(folder: Path) -> uvicorn.Server:
    """A server of one study, which logs nothing but its own faults.

    `run([listen(host, port)])` serves until Ctrl-C, and then raises KeyboardInterrupt.

    Args:
        folder: The study's.

    Raises:
        NotAStudyError: The folder holds none, or a damaged one.
    """
    config = uvicorn.Config(
        study_app(folder),
        lifespan="off",
        ws="none",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        headers=list(HEADERS.items()),
        timeout_graceful_shutdown=PATIENCE,
    )
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """A socket at which connections wait to be served.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 for any that is free.

    Raises:
        OptionError: The address is taken, or not this machine's.
    """
    try:
        return socket.create_server((host, port), backlog=WAITING)
    except (OSError, OverflowError) as error:
        raise OptionError(
            f"{host}:{port} cannot be listened on: {error}.",
            remedy="Choose another --port, or 0 for any that is free.",
        ) from None


def url_of(listening: socket.socket) -> str:
    """Where the page is, as seen from this machine."""
    host, port = listening.getsockname()
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}/"
