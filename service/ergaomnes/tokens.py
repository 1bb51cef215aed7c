"""Tokens: who may do more than read. A token is shown once, when it is made, and kept as a hash.

A token is 256 random bits, which nobody guesses: its SHA-256 can be kept, and a function that is
slow on purpose would protect nothing more. `tokens.json` in the data folder is for its owner only.
"""

import contextlib
import datetime
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from ergaomnes.errors import (
    BadParameter,
    StateFault,
    TokenForbidden,
    TokenMissing,
    TokenRefused,
    UnknownToken,
)
from ergaomnes.locks import alone
from ergaomnes.settings import Settings
from ergaomnes.turtle import replace as write

CONTRIBUTOR, CURATOR = "contributor", "curator"
ROLES = (CONTRIBUTOR, CURATOR)
"""A curator may do whatever a contributor may."""

_FILE = "tokens.json"
_MARK = "ergaomnes_"
_LONGEST = 200
_LONGEST_LABEL = 100


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token; `name` tells it from others and opens nothing."""

    name: str
    label: str
    role: str
    created: str
    expires: str
    sha256: str
    revoked: str = ""

    def is_good(self, today: datetime.date) -> bool:
        """Say whether it still opens something; it does so for all of its last day."""
        return not self.revoked and today <= datetime.date.fromisoformat(self.expires)


def create(settings: Settings, role: str, label: str, expires: datetime.date) -> tuple[Token, str]:
    """Make a token; give what is kept of it, and the token itself, which is told this once."""
    if role not in ROLES:
        raise BadParameter("role", role, f"it is one of {', '.join(ROLES)}")
    if not label.strip() or len(label) > _LONGEST_LABEL or not label.isprintable():
        raise BadParameter("label", label[:_LONGEST_LABEL], "it is a line of 1 to 100 characters")
    if expires < _today():
        raise BadParameter("expires", expires.isoformat(), "that day is over")
    secret = _MARK + secrets.token_urlsafe(32)
    made = Token(
        name=secrets.token_hex(4),
        label=label.strip(),
        role=role,
        created=_today().isoformat(),
        expires=expires.isoformat(),
        sha256=_hash(secret),
    )
    with _kept_alone(settings):
        if any(one.label == made.label and one.is_good(_today()) for one in listed(settings)):
            raise BadParameter("label", label, "a token that is good has this label")
        _keep(settings, [*listed(settings), made])
    return made, secret


def listed(settings: Settings) -> list[Token]:
    """Give what is kept of all tokens, in the order in which they were made."""
    file = settings.data_dir / _FILE
    try:
        return [Token(**one) for one in json.loads(file.read_bytes())]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise StateFault(f"{file} cannot be read as tokens ({type(error).__name__}).") from None


def revoke(settings: Settings, name: str) -> Token:
    """Let a token open nothing any more; it is named by its name or by its label."""
    with _kept_alone(settings):
        kept = listed(settings)
        chosen = [one for one in kept if name in (one.name, one.label) and not one.revoked]
        if not chosen:
            raise UnknownToken(name)
        gone = replace(chosen[-1], revoked=_today().isoformat())
        _keep(settings, [gone if one.name == gone.name else one for one in kept])
    return gone


def bearer(settings: Settings, authorization: str, role: str) -> Token:
    """Give the token of a field `Authorization`, or raise why it does not open what a role may do.

    It takes as long whichever token is sent. Neither error nor log ever holds what was sent.
    """
    scheme, _, given = authorization.strip().partition(" ")
    if not authorization.strip():
        raise TokenMissing
    if scheme.lower() != "bearer" or len(given) > _LONGEST:
        raise TokenRefused
    sha256, found = _hash(given.strip()), None
    for one in listed(settings):
        if hmac.compare_digest(one.sha256, sha256):
            found = one
    if found is None or not found.is_good(_today()):
        raise TokenRefused
    if found.role not in (role, CURATOR):
        raise TokenForbidden(role)
    return found


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


def _keep(settings: Settings, kept: Sequence[Token]) -> None:
    file = settings.data_dir / _FILE
    if not file.exists():  # so that it is never open to others, not even while it is written
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
    file.chmod(0o600)
    write(file, json.dumps([asdict(one) for one in kept], indent=2).encode() + b"\n")


@contextlib.contextmanager
def _kept_alone(settings: Settings) -> Iterator[None]:
    """Let no other process change the tokens meanwhile."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        with alone(settings.data_dir / f".{_FILE}.lock"):
            yield
    except OSError as error:
        raise StateFault(f"{error.filename or _FILE}: {error.strerror or error}.") from None
