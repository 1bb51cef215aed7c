"""Ask any SPARQL 1.1 endpoint the same questions, and never take a shorter answer for the whole."""

import ast
import html
import math
import re
import time
import urllib.error
import urllib.parse
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse

from SPARQLWrapper import POST, URLENCODED, SPARQLWrapper
from SPARQLWrapper.SPARQLExceptions import SPARQLWrapperException

from ergaomnes import __version__, media, results
from ergaomnes.engine import Answer, Table
from ergaomnes.errors import (
    AnswerTooLarge,
    BadParameter,
    EndpointAnswer,
    EndpointCut,
    EndpointRefused,
    EndpointTimeout,
    EndpointUnreachable,
)
from ergaomnes.guard import guarded

_LARGEST = 50_000_000
_LONGEST_TEXT = 300
_MAX_ROWS = "X-SPARQL-MaxRows"
_TABLES = (media.SPARQL_JSON.media_type, "application/json")
_GRAPHS = (media.N_TRIPLES.media_type, media.TURTLE.media_type)


@dataclass(frozen=True, slots=True)
class RemoteEngine:
    """An engine behind an address; its default graph has to be the union of its graphs."""

    url: str
    seconds: float = 30.0
    user: str = ""
    password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        address = urllib.parse.urlsplit(self.url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise BadParameter(
                "endpoint", self.url, "an address with http:// or https:// is needed"
            )
        if address.username or address.password:
            shown = address._replace(netloc=address.hostname).geturl()
            raise BadParameter("endpoint", shown, "a password has no place in an address")

    def query(self, text: str) -> Answer:
        """Answer one query, or say what the endpoint did instead."""
        is_graph = guarded(text, length_limit=len(text)).answers_with_a_graph
        deadline = time.monotonic() + self.seconds
        response = self._opened(text, _GRAPHS if is_graph else _TABLES)
        with response:
            body = self._body(response, deadline)
        media_type = response.headers.get_content_type()
        if media_type not in (_GRAPHS if is_graph else _TABLES):
            raise EndpointAnswer(self.url, f"it is {media_type} and no SPARQL answer")
        try:
            if is_graph:
                return results.triples(body, media_type)
            answer = results.table_or_truth(body)
        except ValueError as error:
            raise EndpointAnswer(self.url, str(error)) from None
        if isinstance(answer, Table):
            self._check_that_it_is_whole(answer, response.headers.get(_MAX_ROWS))
        return answer

    def _opened(self, text: str, accepted: tuple[str, ...]) -> HTTPResponse:
        wrapper = SPARQLWrapper(self.url, agent=f"ergaomnes/{__version__}")
        wrapper.setMethod(POST)
        wrapper.setRequestMethod(URLENCODED)
        wrapper.setTimeout(math.ceil(self.seconds))
        wrapper.setOnlyConneg(True)
        wrapper.addCustomHttpHeader("Accept", ", ".join(accepted))
        if self.user or self.password:
            wrapper.setCredentials(self.user, self.password)
        wrapper.setQuery(text)
        try:
            return wrapper.query().response
        except SPARQLWrapperException as error:
            cause = error.__context__
            status = cause.code if isinstance(cause, urllib.error.HTTPError) else 0
            raise EndpointRefused(self.url, status, _plain(_body_of(error))) from None
        except urllib.error.HTTPError as error:
            raise EndpointRefused(self.url, error.code, _plain(_start_of(error))) from None
        except TimeoutError:
            raise EndpointTimeout(self.url, self.seconds) from None
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise EndpointTimeout(self.url, self.seconds) from None
            raise EndpointUnreachable(self.url, _reason(error.reason)) from None
        except (HTTPException, OSError, ValueError) as error:
            raise EndpointUnreachable(self.url, _reason(error)) from None

    def _body(self, response: HTTPResponse, deadline: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            while part := response.read1(1 << 16):
                parts.append(part)
                size += len(part)
                if size > _LARGEST:
                    raise AnswerTooLarge(_LARGEST, "bytes")
                if time.monotonic() > deadline:
                    raise EndpointTimeout(self.url, self.seconds)
        except TimeoutError:
            raise EndpointTimeout(self.url, self.seconds) from None
        except (HTTPException, OSError) as error:
            raise EndpointAnswer(self.url, f"it breaks off ({_reason(error)})") from None
        announced = response.headers.get("Content-Length")
        if announced is not None and announced.isdigit() and size < int(announced):
            raise EndpointAnswer(self.url, f"it breaks off after {size:,} bytes")
        return b"".join(parts)

    def _check_that_it_is_whole(self, answer: Table, most: str | None) -> None:
        """Virtuoso cuts at a number of rows, says 200, and tells only in a header."""
        if most is not None and most.strip().isdigit() and len(answer) >= int(most):
            raise EndpointCut(self.url, len(answer))


def _body_of(error: SPARQLWrapperException) -> str:
    """Get back the answer's body, which SPARQLWrapper gives only as the repr in its message."""
    _, _, shown = str(error).partition("Response:\n")
    try:
        body = ast.literal_eval(shown)
    except (SyntaxError, ValueError):
        return str(error)
    return body.decode("utf-8", "replace") if isinstance(body, bytes) else str(error)


def _start_of(error: urllib.error.HTTPError) -> str:
    try:
        return error.read(4 * _LONGEST_TEXT).decode("utf-8", "replace") or str(error.reason)
    except (HTTPException, OSError):
        return str(error.reason)


def _plain(text: str) -> str:
    """Give the words of an error page, on one line."""
    text = re.sub(r"<(script|style)\b.*?</\1>", " ", text, flags=re.DOTALL | re.IGNORECASE)
    text = html.unescape(re.sub(r"<[^<>]{0,500}>", " ", text))
    words = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return words[:_LONGEST_TEXT] + ("…" if len(words) > _LONGEST_TEXT else "")


def _reason(error: object) -> str:
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(said).rstrip(".").lower()
