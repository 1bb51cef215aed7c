"""Redaction: content is taken away for good, and a signed tombstone says so.

A tombstone is a record of the chain: which parts are gone, with the hashes that they had, and why.
It is signed with the key of this data folder (Ed25519, RFC 8032), so that whoever copies a chain
can tell a redaction by its keeper from a loss. The key is made when it is first needed; it is for
its owner only, and stays in the folder, also through a backup.
"""

import base64
import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from ergaomnes.chain import REDACTED, Chain, Record, as_part
from ergaomnes.errors import LedgerBroken, StateFault
from ergaomnes.settings import Settings

_FILE = "signing.key"
_SAID = "said.json"


def redact(
    chain: Chain, settings: Settings, records: Iterable[Record], by: str, reason: str
) -> Record:
    """Take away every part of some records; the lock of the chain must be held.

    The tombstone is kept before anything goes: should this be interrupted, `Chain.purge` ends it.
    """
    gone = chain.gone()
    parts = {
        f"{record.number:08}.{name}": sha256
        for record in records
        for name, sha256 in record.parts.items()
        if (record.number, name) not in gone
    }
    said = {_SAID: as_part({"text": reason.strip(), "by": by})}
    key = _key(settings)
    previous = chain.head
    signature = key.sign(_signed(previous, parts, hashlib.sha256(said[_SAID]).hexdigest()))
    about = {
        "parts": parts,
        "signature": base64.b64encode(signature).decode(),
        "key": base64.b64encode(_public(key.public_key())).decode(),
    }
    record = chain.next(REDACTED, said, about)
    chain.append(record, said)
    chain.purge()
    return record


def public_key(settings: Settings) -> str:
    """Give the key that tombstones are verified with, as PEM."""
    form = PublicFormat.SubjectPublicKeyInfo
    return _key(settings).public_key().public_bytes(Encoding.PEM, form).decode()


def verify(settings: Settings, records: Iterable[Record]) -> None:
    """Raise LedgerBroken at the first tombstone that was not signed with the key at hand."""
    for record in records:
        if record.kind != REDACTED:
            continue
        about = record.about
        if not (settings.data_dir / _FILE).exists():
            raise LedgerBroken(record.name, f"{_FILE}, with which it was signed, is missing")
        key = _key(settings).public_key()
        if base64.b64encode(_public(key)).decode() != about["key"]:
            raise LedgerBroken(record.name, "it was signed with another key")
        try:
            signature = base64.b64decode(about["signature"], validate=True)
            key.verify(signature, _signed(record.previous, about["parts"], record.parts[_SAID]))
        except (InvalidSignature, ValueError):
            raise LedgerBroken(record.name, "its signature does not fit") from None


def _signed(previous: str, parts: dict[str, str], said: str) -> bytes:
    """Give what is signed: where in the chain, what is gone, and why by the hash of the reason."""
    return as_part({"previous": previous, "parts": dict(sorted(parts.items())), "said": said})


def _key(settings: Settings) -> Ed25519PrivateKey:
    file = settings.data_dir / _FILE
    try:
        content = file.read_bytes() if file.exists() else _made(file)
        found = load_pem_private_key(content, password=None)
    except (OSError, ValueError) as error:
        raise StateFault(f"{file} cannot be read as a key ({type(error).__name__}).") from None
    if not isinstance(found, Ed25519PrivateKey):
        raise StateFault(f"{file} holds a key of another kind.")
    return found


def _made(file: Path) -> bytes:
    made = Ed25519PrivateKey.generate()
    content = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{_FILE}.")  # for its owner only
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):  # made by another process meanwhile
            os.link(name, file)
    finally:
        Path(name).unlink()
    return file.read_bytes()


def _public(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
