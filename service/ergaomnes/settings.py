"""What a person may set, made once and passed down; nothing else reads the environment.

Each field is set by the variable ERGAOMNES_ and its name in capitals: ERGAOMNES_TIME_LIMIT=5.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from platformdirs import user_data_path

from ergaomnes.errors import BadSetting, UnknownSetting, near

PREFIX = "ERGAOMNES_"

_PUBLIC_URL = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?/?")
_NETWORK = r"[0-9A-Fa-f:.]+(?:/\d{1,3})?"
_NETWORKS = re.compile(rf"\*|{_NETWORK}(?:\s*,\s*{_NETWORK})*")


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
    workers: int = field(
        default=1,
        metadata={"about": "how many server processes share the port", "least": 1, "most": 64},
    )
    frontend: str = field(
        default="",
        metadata={
            "about": "for the installation only: require makes it fail without npm, skip asks npm"
            " for nothing",
            "like": re.compile("|require|skip"),
            "meant": "it must be require or skip",
        },
    )
    public_url: str = field(
        default="",
        metadata={
            "about": "the address under which the service is reached, if a proxy stands before it",
            "like": _PUBLIC_URL,
            "meant": "it must be as https://example.org, without a path",
        },
    )
    forwarded_allow_ips: str = field(
        default="",
        metadata={
            "about": "addresses or networks of proxies, with commas, that may tell who asks",
            "like": _NETWORKS,
            "meant": "it must be addresses or networks with commas, or *",
        },
    )
    requests_per_minute: int = field(
        default=3000,
        metadata={"about": "requests a client may send within a minute; 0 sets no limit"},
    )
    concurrent_requests: int = field(
        default=32,
        metadata={"about": "requests a client may have open at a time; 0 sets no limit"},
    )
    log_format: str = field(
        default="json",
        metadata={
            "about": "how requests are logged on standard output: json, text or none",
            "like": re.compile("json|text|none"),
            "meant": "it must be json, text or none",
        },
    )
    notice_time: float = field(
        default=0.0,
        metadata={"about": "seconds the service works on, not ready, after it is told to end"},
    )
    drain_time: int = field(
        default=15,
        metadata={"about": "seconds the requests in progress then have to end", "least": 1},
    )
    readers: int = field(
        default=8,
        metadata={"about": "how many short queries are worked on at the same time", "least": 1},
    )
    slow_readers: int = field(
        default=2,
        metadata={"about": "how many long queries, at low priority, beside them", "least": 1},
    )
    quick_time: float = field(
        default=0.05,
        metadata={
            "about": "seconds of processor time after which a query is a long one",
            "above": 0.0,
        },
    )
    spares: int = field(
        default=8,
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
    cache_limit: int = field(
        default=64 * 2**20,
        metadata={"about": "bytes of answers kept to be sent again; 0 keeps none"},
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
    validations: int = field(
        default=2,
        metadata={"about": "how many submissions are judged at the same time", "least": 1},
    )
    contributions_per_hour: int = field(
        default=120,
        metadata={"about": "contributions a token may hand in within an hour; 0 sets no limit"},
    )
    open_contributions: int = field(
        default=500,
        metadata={"about": "contributions of a token that may wait for a decision; 0: any number"},
    )
    change_limit: int = field(
        default=20_000,
        metadata={"about": "facts a curator's change may add and remove", "least": 1},
    )
    service_allowed: str = field(
        default="",
        metadata={
            "about": "the endpoints that SERVICE may ask, by IRI, with commas; none if empty"
        },
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
    token: str = field(
        default="",
        repr=False,
        metadata={"about": "your token at the service that `contribute` and `review` speak to"},
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
        """Raise BadSetting when a number is outside its bounds, or a text out of form."""
        for item in fields(self):
            value = getattr(self, item.name)
            like = item.metadata.get("like")
            if like and value and not like.fullmatch(value):
                raise BadSetting(variable(item.name), value, item.metadata["meant"])
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
