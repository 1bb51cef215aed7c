"""Read a manual such as README.md, do what it says, and list where it is wrong.

What the manual looks like:

- A `console` block holds commands, each after `$ ` (one that ends in a backslash goes on in the
  next line), and below each what it prints at 80 columns. A line `…` stands for lines left out;
  nothing shown asks for success only. White space at the ends of lines does not count.
- `uv run ergaomnes …`, `uv run python …` and `curl …` are run; `ergaomnes serve` until it answers.
  What cannot be run from a test (`git clone …`) is on a short list and must show no output.
- A `python` block is run; a `text` block right after it is what it prints.
- A `sparql` block is asked and must find something.
- A block with a file name behind its language, as in `turtle my-fact.ttl`, is that file.
- The service is spoken of at http://127.0.0.1:8000 and found wherever it really is.
"""

import difflib
import itertools
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

ADDRESS = "http://127.0.0.1:8000"
LEFT_OUT = "…"
WIDTH = 80
SECONDS = 300

# What a fresh machine, a shell or the continuous integration is needed for.
NOT_RUN = ("git ", "cd ", "uv sync", "uv tool ", "uv run pytest", ".ci/run")
RUN = ("ergaomnes", "python", "curl")
# Statuses that a person may be shown on purpose: a finding, a wrong word, a missing file, a limit.
SHOWN_STATUSES = (0, 1, 2, 3, 4)

_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^`\n]*)$")
_LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
_ASSIGNMENT = re.compile(r"^(?:[A-Z_][A-Z0-9_]*=\S* +)+")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the file it stands for, its lines, and where it begins."""

    language: str
    file: str
    lines: tuple[str, ...]
    line: int
    next_to: int

    @property
    def text(self) -> str:
        """Give the lines as one text."""
        return "".join(f"{line}\n" for line in self.lines)

    def __str__(self) -> str:
        """Name the block in the list of tests."""
        first = next((line for line in self.lines if line.strip()), "")
        return f"line {self.line}: {first[:60]}"


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the manual and the lines shown below it."""

    line: int
    text: str
    shown: tuple[str, ...]

    @property
    def is_run(self) -> bool:
        """Say whether the command can be run here."""
        return self.bare.split(" ", 1)[0] in RUN

    @property
    def bare(self) -> str:
        """Give the command without what is set before it and without `uv run`."""
        return _ASSIGNMENT.sub("", self.text).removeprefix("uv run ")

    @property
    def serves(self) -> bool:
        """Say whether the command goes on until it is stopped."""
        words = self.bare.split()
        return words[:2] == ["ergaomnes", "serve"] and not {"-h", "--help"} & set(words)


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where the manual is followed: a folder of its own, and the way to the running service."""

    folder: Path
    data_dir: Path
    address: Callable[[], str]

    def environment(self) -> dict[str, str]:
        """Give a plain terminal, 80 columns wide, in which the project is installed."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith("ERGAOMNES_")
        }
        scripts = Path(sys.executable).parent
        return kept | {
            "COLUMNS": str(WIDTH),
            "ERGAOMNES_DATA_DIR": str(self.data_dir),
            "ERGAOMNES_LOG_FORMAT": "none",
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
            "PATH": f"{scripts}{os.pathsep}{kept.get('PATH', '')}",
            "PYTHONIOENCODING": "utf-8",
            "PYTHONUNBUFFERED": "1",
            "TERM": "dumb",
        }


def blocks(manual: str) -> list[Block]:
    """Find the fenced blocks; `next_to` is the line at which the block before it was closed."""
    found: list[Block] = []
    inside: list[str] | None = None
    info, indent, begun, closed, text_since = "", "", 0, 0, False
    for number, line in enumerate(manual.splitlines(), 1):
        fence = _FENCE.match(line)
        if fence and inside is None:
            inside, info, indent, begun = [], fence["info"].strip(), fence["indent"], number
        elif fence and inside is not None and not fence["info"].strip():
            language, _, file = info.partition(" ")
            near = 0 if text_since else closed
            found.append(Block(language, file.strip(), tuple(inside), begun, near))
            inside, closed, text_since = None, number, False
        elif inside is not None:
            inside.append(line.removeprefix(indent))
        elif line.strip():
            text_since = True
    if inside is not None:
        raise AssertionError(f"line {begun}: the block is never closed")
    return found


def commands(block: Block) -> list[Command]:
    """Read the commands of a console block."""
    found: list[Command] = []
    text, shown, begun, goes_on = "", list[str](), 0, False
    for number, line in enumerate((*block.lines, "$ "), block.line + 1):
        if goes_on:
            text = text.removesuffix("\\").rstrip() + " " + line.strip()
        elif line.startswith("$ "):
            if text:
                found.append(Command(begun, text, tuple(shown)))
            text, shown, begun = line.removeprefix("$ ").strip(), [], number
        else:
            assert text or not line.strip(), f"line {number}: output without a command: {line}"
            shown.append(line)
            continue
        goes_on = text.endswith("\\")
    return found


def prepare(folder: Path, root: Path, manual: str) -> None:
    """Copy what the commands may read or change, and write the files the manual shows."""
    for name in ("data", "ontology", "queries"):
        shutil.copytree(root / name, folder / name)
    for block in blocks(manual):
        if block.file:
            (folder / block.file).write_text(block.text, "utf-8")


def faults_of_console(block: Block, workplace: Workplace) -> list[str]:
    """Run the commands of a block one after the other and say where they differ from it."""
    faults: list[str] = []
    for command in commands(block):
        if command.is_run:
            faults += _served(command, workplace) if command.serves else _run(command, workplace)
        elif not command.text.startswith(NOT_RUN):
            faults.append(f"line {command.line}: nobody knows how to check: {command.text}")
        elif any(line.strip() for line in command.shown):
            faults.append(f"line {command.line}: output that nobody checks: {command.text}")
    return faults


def faults_of_python(block: Block, after: Block | None, workplace: Workplace) -> list[str]:
    """Run a Python block in a fresh process, and compare what it prints with the text after it."""
    shown = after.lines if after else ()
    command = Command(block.line, f"python -c {shlex.quote(block.text)}", shown)
    return _run(command, workplace, statuses=(0,))


def outputs(found: list[Block]) -> dict[Block, Block]:
    """Give, for each Python block, the text block that shows what it prints."""
    pairs = itertools.pairwise(found)
    return {
        one: two
        for one, two in pairs
        if one.language == "python" and two.language == "text" and two.next_to
    }


def difference(shown: Iterable[str], printed: str) -> str:
    """Compare what is shown with what is printed; an empty answer means they agree."""
    wanted, real = _trimmed(shown), _trimmed(printed.splitlines())
    pattern = "".join(
        r"(?:.*\n)+?" if line.strip() == LEFT_OUT else f"{re.escape(line)}\n" for line in wanted
    )
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in real)):
        return ""
    return "\n".join(difflib.unified_diff(wanted, real, "the manual", "printed", lineterm="", n=2))


def missing_names(manual: str, names: Mapping[str, Iterable[str]]) -> list[str]:
    """List what the manual never names, by kind; `{name}` in a route stands for any word."""
    missing: list[str] = []
    for kind, ones in names.items():
        for one in ones:
            pattern = re.sub(r"\\\{[a-z_]+\\\}", r"[^\\s`?]+", re.escape(one))
            before = "" if one.startswith("/") else r"(?<![\w-])"
            if not re.search(rf"{before}{pattern}(?![\w-])", manual):
                missing.append(f"{kind} never named: {one}")
    return missing


def broken_links(manual: str, root: Path) -> list[str]:
    """List the links to files that do not exist and to headings that are not there."""
    prose = _prose(manual)
    headings = {_anchor(title) for title in re.findall(r"^#{1,6} +(.+)$", prose, re.MULTILINE)}
    broken: list[str] = []
    for inline, reference in _LINK.findall(prose):
        target = inline or reference
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        path, _, fragment = target.partition("#")
        if path and not (root / path).exists():
            broken.append(f"no such file: {target}")
        elif not path and fragment not in headings:
            broken.append(f"no such heading: {target}")
    return broken


def _run(
    command: Command, workplace: Workplace, statuses: tuple[int, ...] = SHOWN_STATUSES
) -> list[str]:
    address = workplace.address() if ADDRESS in command.text else ADDRESS
    text = _installed(command.text.replace(ADDRESS, address))
    run = subprocess.run(
        ["bash", "-c", text],
        cwd=workplace.folder,
        env=workplace.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
        check=False,
    )
    printed = run.stdout.decode("utf-8").replace(address, ADDRESS)
    shown = any(line.strip() for line in command.shown)
    if run.returncode not in (statuses if shown else (0,)):
        return [f"line {command.line}: exit status {run.returncode}: {command.text}\n{printed}"]
    return _compared(command, printed)


def _served(command: Command, workplace: Workplace) -> list[str]:
    """Start the service as the manual says, but on a free port, and stop it when it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = re.sub(r" --port[ =]\S+", "", command.text.removesuffix("&").rstrip())
    log = workplace.folder / "serve.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["bash", "-c", f"{_installed(text)} --port {port}"],
            cwd=workplace.folder,
            env=workplace.environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            answers = _answers(f"http://127.0.0.1:{port}/health", process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            process.wait(SECONDS)
    printed = log.read_text("utf-8").replace(f"http://127.0.0.1:{port}", ADDRESS)
    if not answers:
        return [f"line {command.line}: it does not serve: {command.text}\n{printed}"]
    return _compared(command, printed)


def _compared(command: Command, printed: str) -> list[str]:
    if not any(line.strip() for line in command.shown):
        return []
    differs = difference(command.shown, printed)
    return [f"line {command.line}: {command.text}\n{differs}"] if differs else []


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=10):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    return False


def _installed(text: str) -> str:
    """Leave out `uv run`: the project is installed where the tests run."""
    return re.sub(r"(^|[|;&(] *|\b[A-Z_][A-Z0-9_]*=\S* +)uv run ", r"\1", text)


def _trimmed(lines: Iterable[str]) -> list[str]:
    return "\n".join(line.rstrip() for line in lines).strip("\n").splitlines()


def _prose(manual: str) -> str:
    """Leave the fenced blocks out."""
    kept, inside = list[str](), False
    for line in manual.splitlines():
        if _FENCE.match(line):
            inside = not inside
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def _anchor(title: str) -> str:
    """Write a heading as the code host does in an address."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
