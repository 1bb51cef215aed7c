"""What a person may set, made once and passed down; nothing else reads the environment.

Each field is set by the variable ERGAOMNES_ and its name in capitals: ERGAOMNES_TIME_LIMIT=5.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from platformdirs import user_data_path

from ergaomnes.errors import BadSetting, UnknownSetting, near

PREFIX = "ERGAOMNES_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The limits and places of one run; the comment beside a field is its meaning."""

    data_dir: Path = field(
        default_factory=lambda: user_data_path("ergaomnes"),
        metadata={"about": "the folder in which built stores are kept"},
    )
    dump: Path | None = field(
        default=None,
        metadata={"about": "an N-Quads file to serve instead of the built store"},
    )
    host: str = field(
        default="127.0.0.1",
        metadata={"about": "the network address the service listens on"},
    )
    port: int = field(
        default=8000,
        metadata={"about": "the port the service listens on", "least": 0, "most": 65535},
    )
    readers: int = field(
        default=2,
        metadata={"about": "how many queries are worked on at the same time", "least": 1},
    )
    spares: int = field(
        default=1,
        metadata={"about": "how many readers wait ready to replace one that is stopped"},
    )
    queue_limit: int = field(
        default=32,
        metadata={"about": "how many queries may wait for a reader before the service is busy"},
    )
    time_limit: float = field(
        default=10.0,
        metadata={"about": "seconds after which a query is stopped", "above": 0.0},
    )
    memory_limit: int = field(
        default=512 * 2**20,
        metadata={"about": "bytes of memory a reader may take", "least": 64 * 2**20},
    )
    row_limit: int = field(
        default=100_000,
        metadata={"about": "rows or triples an answer may have", "least": 1},
    )
    answer_limit: int = field(
        default=20_000_000,
        metadata={"about": "bytes an answer may have", "least": 1},
    )
    query_limit: int = field(
        default=50_000,
        metadata={"about": "characters a query may have", "least": 1},
    )
    depth_limit: int = field(
        default=100,
        metadata={"about": "brackets a query may nest in one another", "least": 1},
    )
    submission_limit: int = field(
        default=2_000_000,
        metadata={"about": "bytes a submitted file may have", "least": 1},
    )
    endpoint_timeout: float = field(
        default=30.0,
        metadata={"about": "seconds another SPARQL endpoint may take to answer", "above": 0.0},
    )
    endpoint_user: str = field(
        default="",
        repr=False,
        metadata={"about": "the name to give to another SPARQL endpoint that asks for one"},
    )
    endpoint_password: str = field(
        default="",
        repr=False,
        metadata={"about": "the password to give with that name"},
    )
    kept_stores: int = field(
        default=3,
        metadata={"about": "how many built stores are kept, the newest first", "least": 1},
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Make the settings from the variables that begin with ERGAOMNES_; others are not ours."""
        names = {variable(item.name): item for item in fields(cls)}
        given: dict[str, object] = {}
        for name, text in environment.items():
            if not name.startswith(PREFIX):
                continue
            if name not in names:
                raise UnknownSetting(name, near(name, names))
            given[names[name].name] = _cast(name, text, str(names[name].type))
        settings = cls(**given)  # type: ignore[arg-type]  # each value was cast to its field's type
        settings.check()
        return settings

    def check(self) -> None:
        """Raise BadSetting when a number is outside its bounds."""
        for item in fields(self):
            value = getattr(self, item.name)
            if not isinstance(value, int | float):
                continue
            least, most = item.metadata.get("least", 0), item.metadata.get("most")
            above = item.metadata.get("above")
            if above is not None and not value > above:
                raise BadSetting(variable(item.name), str(value), f"it must be above {above:g}")
            if above is None and value < least:
                raise BadSetting(variable(item.name), str(value), f"it must be at least {least}")
            if most is not None and value > most:
                raise BadSetting(variable(item.name), str(value), f"it must be at most {most}")


def variable(field_name: str) -> str:
    """Name the environment variable of a field."""
    return PREFIX + field_name.upper()


def meanings() -> dict[str, str]:
    """Give, for each environment variable, the one line that says what it sets."""
    return {variable(item.name): str(item.metadata["about"]) for item in fields(Settings)}


def _cast(name: str, text: str, kind: str) -> object:
    try:
        if "int" in kind:
            return int(text)
        if "float" in kind:
            return float(text)
    except ValueError:
        raise BadSetting(name, text, "a number is needed") from None
    if not text.strip():
        raise BadSetting(name, text, "it is empty; leave it out for the default")
    return Path(text).expanduser() if "Path" in kind else text
