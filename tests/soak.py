"""Contributions handed in by many while the service is killed: nothing acknowledged may be lost."""

import datetime
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import httpx

from ergaomnes import tokens
from ergaomnes.build import Built, build, current, publish
from ergaomnes.contributions import Contributions
from ergaomnes.ledger import audited
from ergaomnes.settings import Settings

FAR = datetime.date(2999, 1, 1)
PREFIXES = """
@prefix agent: <https://w3id.org/ergaomnes/id/agent/> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
"""
SERVE = "from ergaomnes.cli import main; main(['serve', '--port', '{port}', '--readers', '1'])"


class Service:
    """A service of its own processes, which is killed now and then and starts again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {
            **os.environ,
            "ERGAOMNES_DATA_DIR": str(self.home),
            "ERGAOMNES_LOG_FORMAT": "none",
            "ERGAOMNES_CONTRIBUTIONS_PER_HOUR": "0",
            "ERGAOMNES_OPEN_CONTRIBUTIONS": "0",
            "ERGAOMNES_REQUESTS_PER_MINUTE": "0",
            "ERGAOMNES_TIME_LIMIT": "60",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE.format(port=self.port)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill(self) -> None:
        assert self.process
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def wait(self) -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/ready", trust_env=False, timeout=5).is_success:
                    return
            except httpx.HTTPError:
                time.sleep(0.2)
        raise AssertionError("the service did not start")


class Soak:
    """One run: who sends, who accepts, who kills; and what has to be true afterwards."""

    def __init__(self, home: Path, built: Built, seed: int) -> None:
        self.settings = Settings(data_dir=home)
        shutil.copytree(
            built.place,
            home / "stores" / built.key,
            copy_function=os.link,
            ignore=shutil.ignore_patterns(".held"),
        )
        publish(self.settings, built)
        self.contributor, self.curator = (
            {"Authorization": f"Bearer {tokens.create(self.settings, role, role, FAR)[1]}"}
            for role in ("contributor", "curator")
        )
        self.chance = random.Random(seed)
        self.service = Service(home)
        self.acknowledged: dict[int, str] = {}
        self.accepted: set[int] = set()
        self.faults: list[str] = []
        self.over = threading.Event()

    def run(self, *, contributions: int, clients: int, accepted: int, kills: int) -> None:
        self.service.start()
        self.service.wait()
        senders = [
            threading.Thread(target=self._send, args=(range(first, contributions, clients),))
            for first in range(clients)
        ]
        curator = threading.Thread(target=self._decide, args=(accepted,))
        for one in (*senders, curator):
            one.start()
        for _ in range(kills):
            time.sleep(self.chance.uniform(0.5, 6))
            self.service.kill()
            self.service.start()
            self.service.wait()
        for one in (*senders, curator):
            one.join()
        self.service.kill()
        assert not self.faults, self.faults[:3]
        assert len(self.acknowledged) == contributions
        assert len(self.accepted) == accepted

    def check(self, *, whole: bool) -> None:
        """See that each is there once, that the chains hold, and that the graph is their sum."""
        ledger = audited(self.settings)
        made = Contributions(self.settings)
        made.verified()
        found = made.listed(limit=1_000_000)
        assert {one.id for one in found} == set(self.acknowledged)
        texts = [made.part(one.id, one.sent[0]).decode() for one in found]
        assert texts == [self.acknowledged[one.id] for one in found]
        assert len(set(texts)) == len(texts), "nothing is there twice"
        assert {one.id for one in found if one.state == "accepted"} == self.accepted
        named = [change.contribution for change in ledger.changes]
        assert sorted(n for n in named if n is not None) == sorted(self.accepted)
        now = current(self.settings)
        content = now.dump.read_text("utf-8").split("\n")
        in_graph = {line for line in content if "/graph/data/contributions/" in line}
        in_graph = {line for line in in_graph if "skos/core#altLabel" in line}
        assert in_graph == {line for one in self.accepted for line in made.patch(one).added}
        if whole:
            assert build(self.settings, again=True).sha256 == now.sha256

    def _send(self, numbers: range) -> None:
        with httpx.Client(base_url=self.service.url, timeout=60, trust_env=False) as client:
            for number in numbers:
                text = PREFIXES + f'agent:erga-omnes-editors skos:altLabel "soak {number}"@en .\n'
                headers = {
                    **self.contributor,
                    "Content-Type": "text/turtle",
                    "Idempotency-Key": str(uuid.uuid4()),
                }
                query = {"licence": "CC0-1.0", "author": "Soak", "source": "A test"}
                answer = self._patiently(
                    lambda t=text, h=headers, q=query: client.post(
                        "/contributions", params=q, content=t, headers=h
                    )
                )
                if answer.status_code not in (200, 201):
                    self.faults.append(answer.text)
                    return
                self.acknowledged[answer.json()["id"]] = text

    def _decide(self, wanted: int) -> None:
        with httpx.Client(base_url=self.service.url, timeout=120, trust_env=False) as client:
            while len(self.accepted) < wanted and not self.faults:
                open_ones = sorted(set(self.acknowledged) - self.accepted)
                if not open_ones:
                    time.sleep(0.1)
                    continue
                number = self.chance.choice(open_ones)
                answer = self._patiently(
                    lambda n=number: client.post(
                        f"/contributions/{n}/accept", data={"reason": "so"}, headers=self.curator
                    )
                )
                # Killed after it was recorded, it is accepted although nobody was told.
                closed = answer.status_code == 409 and answer.json().get("state") == "accepted"
                if answer.status_code == 200 or closed:
                    self.accepted.add(number)
                else:
                    self.faults.append(answer.text)

    def _patiently(self, ask: object) -> httpx.Response:
        """Ask until there is an answer that is no outage."""
        assert callable(ask)
        deadline = time.monotonic() + 300
        while True:
            try:
                answer = ask()
            except httpx.HTTPError:
                answer = None
            if isinstance(answer, httpx.Response) and answer.status_code not in (503, 504, 507):
                return answer
            assert time.monotonic() < deadline
            time.sleep(0.3)
