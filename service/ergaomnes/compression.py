"""Write answers in the coding that a client takes: raw ASGI, just inside the cache.

So an answer that is kept was written once, and has an ETag of its own in each coding. What is
small, what comes in parts and what is no text goes out as it is: there it does not pay.
"""

import asyncio
import re

from ergaomnes.cache import App, Fields, Message, Receive, Scope, Send
from ergaomnes.codings import chosen, coded

_SMALLEST = 1 << 10
_LARGE = 1 << 18  # it takes more than a millisecond, and others need not wait for it
_TEXTS = re.compile(rb"text/|application/(?:[\w.-]+\+)?(?:json|xml)\b|application/(?:n-|trig)")


class Compression:
    """The layer around an application whose answers are to be small."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        accepted = [value for name, value in scope["headers"] if name == b"accept-encoding"]
        coding = chosen(b",".join(accepted)) if accepted else b""
        start: Message | None = None

        async def sent(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                if message["status"] != 200 or not _pays(message["headers"]):
                    await send(message)
                    return
                start = {**message, "headers": _varying(message["headers"])}
                return
            if start is not None:
                begin, start = start, None
                body = message.get("body", b"")
                if coding and len(body) >= _SMALLEST and not message.get("more_body"):
                    large = len(body) > _LARGE
                    body = (
                        await asyncio.to_thread(coded, body, coding)
                        if large
                        else coded(body, coding)
                    )
                    begin["headers"] = _in_coding(begin["headers"], coding, len(body))
                    message = {**message, "body": body}
                await send(begin)
            await send(message)

        await self.app(scope, receive, sent)


def _pays(fields: Fields) -> bool:
    names = dict(fields)
    return b"content-encoding" not in names and bool(_TEXTS.match(names.get(b"content-type", b"")))


def _varying(fields: Fields) -> Fields:
    """Say that the answer depends on the codings that are taken, whether or not it is in one."""
    said = [value for name, value in fields if name == b"vary"]
    others = [(name, value) for name, value in fields if name != b"vary"]
    return [*others, (b"vary", b", ".join([*said, b"Accept-Encoding"]))]


def _in_coding(fields: Fields, coding: bytes, size: int) -> Fields:
    others = [(name, value) for name, value in fields if name != b"content-length"]
    return [*others, (b"content-encoding", coding), (b"content-length", str(size).encode())]
