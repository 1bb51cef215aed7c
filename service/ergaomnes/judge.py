"""The process that judges what strangers send: a fork of its own for each submission.

Nothing else imports this file: `judging.py` starts it and talks to it over a socket. What stands is
loaded once; then each socket that comes over the first one brings a submission, and the fork that
judges it ends with its answer. Whatever a submission does, it does to its fork alone.
"""

import contextlib
import gc
import math
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ergaomnes import media, ownshapes
from ergaomnes.contribution import Packaged, Proposal
from ergaomnes.errors import ErgaOmnesError, OurFault, told
from ergaomnes.intake import Intake
from ergaomnes.judgement import WRITTEN
from ergaomnes.patch import Patch
from ergaomnes.reader import frame, read_frame
from ergaomnes.shipped import shipped
from ergaomnes.submission import Part, format_named, read_submission
from ergaomnes.terms import prefixes

_EMPTY = b""


def _reply(intake: Intake, head: Mapping[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
    """Judge one submission: lengths and counts in the head; report and patches in the body."""
    packaged = intake.packaged
    try:
        if head["shapes"]:
            return _reply_by_own(intake, head, content)
        sent = [intake.read(part) for part in _parts(head, content)]
        proposal = packaged.propose(sent, head["mode"])
    except ErgaOmnesError as error:
        return told(error), _EMPTY
    except MemoryError:
        raise  # the limit: it ends this fork
    except Exception as error:  # noqa: BLE001 - whatever it is, the other side has to hear of it
        return told(OurFault(f"Judging failed ({type(error).__name__}).")), _EMPTY
    report = proposal.judgement.written(_form(head), packaged.prefixes, head["language"])
    bodies = (report, proposal.patch.written(), proposal.following.written())
    return {**_counts(proposal), "lengths": [len(one) for one in bodies]}, b"".join(bodies)


def _reply_by_own(
    intake: Intake, head: Mapping[str, Any], content: bytes
) -> tuple[dict[str, Any], bytes]:
    """Judge one submission by the shapes that were sent with it, behind closed ways out."""
    count = head["shapes"]
    parts = list(_parts(head, content))
    shapes = [read_submission(one.content, one.kind, one.name) for one in parts[:count]]
    sent = [intake.read(one) for one in parts[count:]]
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    found = ownshapes.judged(shapes, sent)
    report = found.written(_form(head), prefixes(), head["language"])
    told = {"conforms": found.report.conforms, "warnings": found.warnings}
    nothing = Patch().written()
    bodies = (report, nothing, nothing)
    lengths = [len(one) for one in bodies]
    return {**told, "unsourced": [], "nameless": 0, "lengths": lengths}, b"".join(bodies)


def _form(head: Mapping[str, Any]) -> media.Format:
    return next(one for one in WRITTEN if one.media_type == head["as"])


def _counts(proposal: Proposal) -> dict[str, Any]:
    judgement = proposal.judgement
    return {
        "conforms": judgement.report.conforms,
        "warnings": judgement.warnings,
        "unsourced": [
            [subject, file, place.line if place else None, place.column if place else None]
            for subject, file, place in proposal.unsourced
        ],
        "nameless": proposal.nameless,
    }


def _parts(head: Mapping[str, Any], content: bytes) -> Iterator[Part]:
    begin = 0
    for name, kind, size in head["parts"]:
        yield Part(name, format_named(kind), content[begin : begin + size])
        begin += size


def _hold_to(memory: int, seconds: float) -> None:
    """From here on this process writes no file, and takes no more memory or time than it may."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    most = math.ceil(time.process_time() + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (most, most))
    # Nobody else knows this process: it ends itself, whoever has gone away meanwhile.
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        with open("/proc/self/statm", encoding="ascii") as sizes:  # noqa: PTH123 - as in reader
            size = int(sizes.read().split()[0]) * resource.getpagesize()
    except OSError:
        return  # only Linux holds a process to RLIMIT_AS
    resource.setrlimit(resource.RLIMIT_AS, (size + memory, size + memory))


def _judge(intake: Intake, memory: int, caller: socket.socket) -> None:
    with caller.makefile("rb") as stream:
        head, content = read_frame(stream)
    _hold_to(memory, head["seconds"])
    said, body = _reply(intake, head, content)
    caller.sendall(frame(said, body))


def main(dump: str, memory: str, descriptor: str) -> None:
    """Judge submissions until the other side of the socket closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a fork
    door = socket.socket(fileno=int(descriptor))
    packaged = Packaged(Path(dump), shipped(), prefixes())
    # What the validator loads on first use is loaded before anything is forked.
    packaged.propose([read_submission(_EMPTY, media.TURTLE)])
    packaged.warm()
    ownshapes.warm()
    intake = Intake(packaged)
    _ = intake.known
    gc.collect()
    gc.freeze()  # so that a fork does not copy what it only looks at
    door.sendall(b"r")
    while True:
        sign, descriptors, _, _ = socket.recv_fds(door, 1, 1)
        if not sign:
            return
        with socket.socket(fileno=descriptors[0]) as caller:
            if os.fork():
                continue
            door.close()
            with contextlib.suppress(BaseException):
                _judge(intake, int(memory), caller)
            os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
