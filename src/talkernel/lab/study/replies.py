"""HTTP as the study speaks it: JSON in, JSON and parts of files out, nothing logged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, BinaryIO

from talkernel.lab.study.byte_range import parse_range

LONGEST_REQUEST = 4096  # bytes of JSON
CHUNK = 1 << 16
PATIENCE = 60.0  # seconds for a silent connection
# Nothing from elsewhere is loaded, nothing is told to elsewhere.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Replies(BaseHTTPRequestHandler):
    """One connection of a browser."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "Talkernel", ""
    timeout = PATIENCE

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: who asked for what and when is not kept."""

    def read_json(self) -> dict[str, Any] | None:
        """What was sent; None where it is not what the page sends.

        A page from elsewhere may not send this type unless it is told so, which it never is.
        """
        length = self.headers.get("Content-Length", "")
        is_json = self.headers.get_content_type() == "application/json"
        if not (is_json and length.isdecimal() and int(length) <= LONGEST_REQUEST):
            self.close_connection = True  # what was sent stays unread
            return None
        try:
            sent = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            return None
        return sent if isinstance(sent, dict) else None

    def refuse(self, status: HTTPStatus, why: str) -> None:
        """Answer with an error."""
        self.send_json({"error": why}, status)

    def send_json(self, content: object, status: HTTPStatus = HTTPStatus.OK) -> None:
        """Answer with JSON."""
        self.send(json.dumps(content).encode(), "application/json", status)

    def send(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        """Answer with content of a type, never to be cached."""
        self._begin(status, kind, len(content), {"Cache-Control": "no-store"})
        if self.command != "HEAD":
            self.wfile.write(content)

    def send_file(self, path: Path, kind: str) -> None:
        """Answer with a file, or the part of it that is asked for."""
        size = path.stat().st_size
        asked = parse_range(self.headers.get("Range"), size)
        more = {"Accept-Ranges": "bytes", "Cache-Control": "private, max-age=86400"}
        if asked is None:
            asked, status = range(size), HTTPStatus.OK
        elif asked:
            status = HTTPStatus.PARTIAL_CONTENT
            more["Content-Range"] = f"bytes {asked[0]}-{asked[-1]}/{size}"
        else:
            status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            more["Content-Range"] = f"bytes */{size}"
        with path.open("rb") as file:
            self._begin(status, kind, len(asked), more)
            if self.command != "HEAD":
                self._copy(file, asked)

    def _copy(self, file: BinaryIO, asked: range) -> None:
        file.seek(asked.start)
        for start in range(asked.start, asked.stop, CHUNK):
            self.wfile.write(file.read(min(CHUNK, asked.stop - start)))

    def _begin(self, status: HTTPStatus, kind: str, length: int, more: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, **more}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
