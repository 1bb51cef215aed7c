"""What the build took from npm: an editor, a map of the world, fonts. It may be absent, whole."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from ergaomnes.errors import AssetMissing

FOLDER = Path(__file__).resolve().parent / "static/vendor"
ADDRESS = "/static/vendor/"
"""Below it stand the files that browsers ask for, each under a name that its content decides."""
LICENCES = "THIRD-PARTY.txt"

_KINDS = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
_INDEX = "assets.json"
_HASHED = re.compile(r"-[0-9a-f]{12}\.[a-z0-9]+")


class Assets:
    """The files of one folder, read once."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder
        index = folder / _INDEX
        self.served: Mapping[str, str] = (
            json.loads(index.read_text("utf-8"))["served"] if index.is_file() else {}
        )
        """The file by the name that the pages know it by."""
        self._known = {*self.served.values(), *([LICENCES] if self.served else [])}

    @property
    def present(self) -> bool:
        """Tell whether the build made anything."""
        return bool(self.served)

    def url(self, name: str) -> str:
        """Give the path of a file for browsers, such as `sparql.js`; nothing where it is absent."""
        return f"{ADDRESS}{self.served[name]}" if name in self.served else ""

    def kept(self, name: str) -> bytes:
        """Give the content of a file that the service itself reads."""
        file = self.folder / name
        if not file.is_file():
            raise AssetMissing(name)
        return file.read_bytes()

    def has(self, *names: str) -> bool:
        """Tell whether files are there that the service itself reads."""
        return all((self.folder / name).is_file() for name in names)

    def served_as(self, file: str) -> tuple[str, bytes, bool]:
        """Give the media type and content of a file for browsers, and whether it never changes."""
        if file not in self._known:
            raise AssetMissing(file)
        return _KINDS[Path(file).suffix], self.kept(file), bool(_HASHED.search(file))


@cache
def assets() -> Assets:
    """Give what lies in the package."""
    return Assets()


def present() -> bool:
    """Tell whether the package was built with npm."""
    return assets().present


def url(name: str) -> str:
    """Give the path of a file for browsers; nothing where the package was built without npm."""
    return assets().url(name)
