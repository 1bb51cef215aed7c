"""The process that judges what strangers send: it reads frames, and answers each with one.

Nothing else imports this file: `judging.py` starts it, holds it to its time and replaces it.
"""

import resource
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ergaomnes import media
from ergaomnes.contribution import Packaged
from ergaomnes.errors import SubmissionSyntax
from ergaomnes.judgement import WRITTEN
from ergaomnes.reader import frame, read_frame
from ergaomnes.shipped import shipped
from ergaomnes.submission import Submission, format_named, read_submission
from ergaomnes.terms import prefixes

_EMPTY = b""


def _reply(
    packaged: Packaged, head: Mapping[str, Any], content: bytes
) -> tuple[dict[str, Any], bytes]:
    try:
        sent = list(_read(head["parts"], content))
    except SubmissionSyntax as error:
        return {"error": "syntax", **error.data}, _EMPTY
    judged = packaged.judge_contribution(sent)
    written_as = next(one for one in WRITTEN if one.media_type == head["as"])
    return {}, judged.written(written_as, packaged.prefixes, head["language"])


def _read(parts: Iterable[tuple[str, str, int]], content: bytes) -> Iterator[Submission]:
    begin = 0
    for name, kind, size in parts:
        yield read_submission(content[begin : begin + size], format_named(kind), name)
        begin += size


def _hold_to(memory: int) -> None:
    """From here on this process writes no file and takes no more memory than it may."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    try:
        with open("/proc/self/statm", encoding="ascii") as sizes:  # noqa: PTH123 - as in reader
            size = int(sizes.read().split()[0]) * resource.getpagesize()
    except OSError:
        return  # only Linux holds a process to RLIMIT_AS
    resource.setrlimit(resource.RLIMIT_AS, (size + memory, size + memory))


def main(dump: str, memory: str) -> None:
    """Judge submissions until the standard input closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = sys.stdout.buffer
    packaged = Packaged(Path(dump), shipped(), prefixes())
    # What the validator loads on first use is loaded before the limits hold.
    packaged.judge_contribution([read_submission(_EMPTY, media.TURTLE)])
    _hold_to(int(memory))
    out.write(frame({"ready": True}))
    out.flush()
    while True:
        try:
            head, content = read_frame(sys.stdin.buffer)
        except EOFError:
            return
        said, body = _reply(packaged, head, content)
        out.write(frame(said, body))
        out.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
