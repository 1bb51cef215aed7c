"""A service in a process of its own, and cheap clients that call from several addresses."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        """Read the body."""
        read: dict[str, object] = json.loads(self.body)
        return read


class Client:
    """A connection that is kept, from an address of its own where this machine has several."""

    def __init__(self, port: int, host: str = "127.0.0.1", timeout: float = 60) -> None:
        with socket.socket() as probe:
            try:
                probe.bind((host, 0))
            except OSError:
                host = "127.0.0.1"
        self._connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout, source_address=(host, 0)
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def get(self, path: str) -> Answer:
        """Ask for an address."""
        return self._asked("GET", path)

    def query(self, text: str) -> Answer:
        """Ask a query by its address."""
        return self.get(f"/sparql?{urllib.parse.urlencode({'query': text})}")

    def post(self, text: str) -> Answer:
        """Ask a query by a form."""
        return self._asked("POST", "/sparql", urllib.parse.urlencode({"query": text}), FORM)

    def _asked(
        self, method: str, path: str, body: str | None = None, headers: Mapping[str, str] = FORM
    ) -> Answer:
        self._connection.request(method, path, body, dict(headers))
        answer = self._connection.getresponse()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, fields, answer.read())


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@contextlib.contextmanager
def running(*command: object, port: int, path: str, **environment: object) -> Iterator[int]:
    """Run a server until it is no longer needed, and give its process id once it answers."""
    surroundings = {**os.environ, **{name: str(value) for name, value in environment.items()}}
    server = subprocess.Popen(
        [str(part) for part in command], env=surroundings, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException), Client(port) as client:
                client.get(path)
                break
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.02)
        yield server.pid
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@contextlib.contextmanager
def served_apart(dump: Path, **settings: object) -> Iterator[tuple[int, int]]:
    """Serve a dump from a process of its own; give its port and its process id."""
    port = free_port()
    environment = {f"ERGAOMNES_{name.upper()}": value for name, value in settings.items()}
    command = (Path(sys.executable).with_name("ergaomnes"), "serve", "--port", port)
    environment |= {"ERGAOMNES_DUMP": dump}
    with running(*command, port=port, path="/health", **environment) as pid:
        yield port, pid


def family(pid: int) -> list[int]:
    """List a process and all that it and its children have started."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout.split()
    parents = {
        int(child): int(parent) for child, parent in zip(listed[::2], listed[1::2], strict=True)
    }
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found
