"""`ergaomnes review`: read what was handed in, and decide about it."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ergaomnes.client import Client
from ergaomnes.contributions import STATES, Dossier
from ergaomnes.curation import Curation
from ergaomnes.errors import BadParameter, NoSuchFile
from ergaomnes.settings import Settings, variable
from ergaomnes.tokens import CURATOR, Token

TOKEN = variable("token")
SHOWN = 40


class Action(StrEnum):
    """What is done."""

    list = "list"
    show = "show"
    comment = "comment"
    accept = "accept"
    reject = "reject"
    withdraw = "withdraw"
    undo = "undo"
    redact = "redact"


def review(
    action: Annotated[Action, typer.Argument(help="What to do.")] = Action.list,
    number: Annotated[
        int | None, typer.Argument(help="The number of the contribution.", show_default=False)
    ] = None,
    reason: Annotated[
        str, typer.Option(help="Why: the sender and everybody later can read it.")
    ] = "",
    state: Annotated[str, typer.Option(help=f"List those that are: {', '.join(STATES)}.")] = "",
    to: Annotated[
        str, typer.Option(metavar="URL", help="The service; the data folder here if not given.")
    ] = "",
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=f"Where your token stands; {TOKEN} serves as well."),
    ] = None,
    by: Annotated[
        str, typer.Option(help="Without a service: the name under which you decide.")
    ] = "",
) -> None:
    """Read what was handed in, and decide about it: at a service, or on the data folder here.

    Accepting publishes a new generation. An undo is a contribution of its own; redacting takes the
    content away for good and leaves a signed tombstone.
    """
    desk = _Remote(to, _token(token_file)) if to else _Local(by)
    if action is Action.list:
        for one in desk.listed(state):
            typer.echo(_line(one))
        return
    if number is None:
        raise typer.BadParameter("give the number of a contribution", param_hint="NUMBER")
    if action is Action.show:
        _show(desk.one(number))
        return
    typer.echo(_line(desk.done(number, action.value, reason)))


class _Remote:
    def __init__(self, url: str, token: str) -> None:
        self._client = Client(url, token)

    def listed(self, state: str) -> Iterable[Mapping[str, Any]]:
        return self._client.listed(state)

    def one(self, number: int) -> Mapping[str, Any]:
        return self._client.one(number)

    def done(self, number: int, what: str, reason: str) -> Mapping[str, Any]:
        return self._client.done(number, "comments" if what == "comment" else what, reason)


class _Local:
    """The data folder itself: who may write there needs no token."""

    def __init__(self, by: str) -> None:
        self._curation = Curation(Settings.from_environment())
        self._by = by

    def listed(self, state: str) -> Iterable[Mapping[str, Any]]:
        if state and state not in STATES:
            raise BadParameter("state", state, f"it is one of {', '.join(STATES)}")
        after = 0
        while found := self._curation.contributions.listed(state, after):
            yield from map(_told, found)
            after = found[-1].id

    def one(self, number: int) -> Mapping[str, Any]:
        made = self._curation.contributions
        said = _told(made[number])
        if not said["sent"]:
            return said
        patch, follows = made.patch(number), made.following(number)
        diff = {
            "added": patch.added,
            "removed": patch.removed,
            "follows": {"added": follows.added, "removed": follows.removed},
        }
        return {**said, "diff": diff, "report": json.loads(made.report(number))}

    def done(self, number: int, what: str, reason: str) -> Mapping[str, Any]:
        if not self._by.strip():
            raise BadParameter("by", self._by, "say under which name you decide")
        who = Token("local", self._by.strip(), CURATOR, "", "9999-12-31", "")
        curation = self._curation
        try:
            match what:
                case "comment":
                    curation.contributions.comment(number, who, reason)
                case "undo":
                    curation.undo_contribution(number, who, reason)
                case _:
                    getattr(curation, what)(number, who, reason)
        finally:
            curation.close()
        return _told(curation.contributions[number])


def _told(dossier: Dossier) -> dict[str, Any]:
    told = dataclasses.asdict(dossier)
    return {**told, **told.pop("said"), "comments": told["events"]}


def _line(one: Mapping[str, Any]) -> str:
    """Say in a line what a contribution is."""
    counts = f"+{one['added']} −{one['removed']}"
    return f"{one['id']:>6}  {one['state']:<10} {one['time'][:10]}  {counts:<12} " + str(
        one.get("author", "")
    )


def _show(one: Mapping[str, Any]) -> None:
    typer.echo(_line(one))
    for name in ("licence", "source", "note", "mode", "supersedes", "change", "warnings"):
        if one.get(name):
            typer.echo(f"  {name}: {one[name]}")
    diff = one.get("diff")
    if diff:
        lines = [f"- {line}" for line in diff["removed"]] + [f"+ {line}" for line in diff["added"]]
        for line in lines[:SHOWN]:
            typer.echo(f"  {line}")
        if len(lines) > SHOWN:
            typer.echo(f"  … and {len(lines) - SHOWN:,} more")
        follows = diff["follows"]
        typer.echo(
            f"  by the rules: {len(follows['added']):,} more, {len(follows['removed']):,} fewer"
        )
    for said in one.get("comments", ()):
        typer.echo(f"  {said['time'][:16]} {said['by']}, {said['kind']}: {said['text']}")


def _token(file: Path | None) -> str:
    if file is None:
        return Settings.from_environment().token
    try:
        return file.read_text("utf-8").strip()
    except OSError as error:
        raise NoSuchFile(str(file), error.strerror or "it cannot be read") from None
