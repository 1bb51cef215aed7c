"""The shipped files with their states and acts repeated, to see how cost grows with the data."""

import re
import shutil
from pathlib import Path

from ergaomnes.shipped import FOLDERS, Shipped, shipped

STATE = re.compile(r"\bstate:([a-z]+)\b")
ACTION = re.compile(r"\baction:([a-z]+)-")
EVENT = re.compile(r"\bevent:([a-z0-9-]+)")
CITATION = re.compile(r"^citation:[^\n]*\n(?:  [^\n]*\n)*\.\n\n?", re.MULTILINE)


def grown(root: Path, times: int) -> Shipped:
    """Copy the shipped files and repeat states and their acts."""
    for folder in FOLDERS:
        shutil.copytree(shipped().root / folder, root / folder)
    shutil.copy(shipped().root / "LICENSE", root)
    repeated = [
        *(
            file
            for name in ("acts", "actions", "states")
            for file in (root / "data" / name).glob("*")
        ),
        root / "data/events/successions.ttl",
    ]
    for file in repeated:
        text = CITATION.sub("", file.read_text("utf-8"))
        for number in range(1, times):
            more = STATE.sub(rf"state:\1-{number}", ACTION.sub(rf"action:\1-{number}-", text))
            more = EVENT.sub(rf"event:\1-{number}", more)
            more = re.sub(r"^  skos:(?:exact|close)Match.*?;\n", "", more, flags=re.M | re.S)
            file.with_stem(f"{file.stem}-{number}").write_text(more, "utf-8")
    return Shipped(root)
