"""A client of a service: hand facts in, have them checked, and decide about what was handed in."""

import contextlib
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from ergaomnes import __version__
from ergaomnes.errors import (
    BadParameter,
    ContributionRejected,
    EndpointUnreachable,
    NoSuchFile,
    ServiceRefused,
)

_SECONDS = 120.0
_TRIES = 4
_PAUSE = 1.0
_REJECTED = "/problem/contribution-rejected"


class Client:
    """Speaks with the service at an address, with a token where it has one."""

    def __init__(self, url: str, token: str = "", seconds: float = _SECONDS) -> None:
        self.url = url.rstrip("/")
        if not self.url.startswith(("http://", "https://")):
            raise BadParameter("to", url, "an address with http:// or https:// is needed")
        self._fields = {"User-Agent": f"ergaomnes/{__version__}"}
        if token:
            self._fields["Authorization"] = f"Bearer {token}"
        self._seconds = seconds

    def contributed(
        self, files: Sequence[Path], fields: Mapping[str, str], language: str = "en"
    ) -> dict[str, Any]:
        """Hand facts in, and give what the service says of them.

        A connection that is lost is tried again with the same Idempotency-Key. Raises
        ContributionRejected where a rule is broken, ServiceRefused for whatever else is wrong.
        """
        given = {name: text for name, text in fields.items() if text}
        key = {"Idempotency-Key": str(uuid.uuid4())}
        return self._asked("/contributions", given | {"lang": language}, files, key, tries=_TRIES)

    def validated(self, files: Sequence[Path], language: str = "en") -> dict[str, Any]:
        """Have facts checked, and give the report as plain JSON."""
        return self._asked("/validate", {}, files, {}, query={"lang": language}, tries=_TRIES)

    def listed(self, state: str = "") -> Iterator[dict[str, Any]]:
        """Give the contributions of the service, page by page."""
        path = f"/contributions?state={state}" if state else "/contributions"
        while path:
            page = self._read(path)
            yield from page["contributions"]
            path = page.get("next", "")

    def one(self, number: int) -> dict[str, Any]:
        """Give one contribution."""
        return self._read(f"/contributions/{number}")

    def done(self, number: int, what: str, reason: str) -> dict[str, Any]:
        """Decide or say something; it is not tried again, for it may have been done."""
        return self._asked(f"/contributions/{number}/{what}", {"reason": reason}, (), {})

    def _read(self, path: str) -> dict[str, Any]:
        try:
            answer = httpx.get(
                self.url + path, headers=self._fields, timeout=self._seconds, follow_redirects=True
            )
        except httpx.HTTPError as error:
            raise EndpointUnreachable(self.url, str(error) or type(error).__name__) from None
        return self._said(answer)

    def _asked(
        self,
        path: str,
        fields: Mapping[str, str],
        files: Sequence[Path],
        more: Mapping[str, str],
        *,
        query: Mapping[str, str] | None = None,
        tries: int = 1,
    ) -> dict[str, Any]:
        sent = [("file", (file.name, _read(file))) for file in files]
        why = ""
        for number in range(tries):
            if number:
                time.sleep(_PAUSE * number)
            try:
                answer = httpx.post(
                    self.url + path,
                    params=dict(query or {}),
                    data=dict(fields),
                    files=sent or None,
                    headers={**self._fields, "Accept": "application/json", **more},
                    timeout=self._seconds,
                )
            except httpx.HTTPError as error:
                why = str(error) or type(error).__name__
                continue
            return self._said(answer)
        raise EndpointUnreachable(self.url, why)

    def _said(self, answer: httpx.Response) -> dict[str, Any]:
        said: Any = None
        with contextlib.suppress(ValueError):
            said = answer.json()
        if answer.is_success and isinstance(said, dict):
            return said
        if not isinstance(said, dict):
            raise ServiceRefused(self.url, answer.status_code, answer.reason_phrase, "")
        if str(said.get("type", "")).endswith(_REJECTED):
            raise ContributionRejected(said["report"])
        text = " ".join(str(said[name]) for name in ("title", "detail") if said.get(name))
        raise ServiceRefused(self.url, answer.status_code, text, str(said.get("remedy", "")))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise NoSuchFile(str(file), error.strerror or "it cannot be read") from None
