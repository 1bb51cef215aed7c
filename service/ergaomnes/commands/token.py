"""`ergaomnes token`: make, list and revoke the tokens of those who may write."""

import datetime
from enum import StrEnum
from typing import Annotated

import typer

from ergaomnes import tokens
from ergaomnes.errors import BadParameter
from ergaomnes.settings import Settings

_A_YEAR = datetime.timedelta(days=365)


class Action(StrEnum):
    """What is done with tokens."""

    CREATE = "create"
    LIST = "list"
    REVOKE = "revoke"


def token(
    action: Annotated[Action, typer.Argument(help="What to do.")],
    name: Annotated[str, typer.Argument(help="The name or the label of the token to revoke.")] = "",
    role: Annotated[
        str, typer.Option(help=f"What it opens: {' or '.join(tokens.ROLES)}.")
    ] = tokens.CURATOR,
    label: Annotated[str, typer.Option(help="Who has it: stands in each record.")] = "",
    expires: Annotated[
        str, typer.Option(metavar="DATE", help="Its last day: by default a year from today.")
    ] = "",
) -> None:
    """Make, list and revoke the tokens of those who may write.

    A token is shown once, when it is made: only its hash is kept.
    """
    settings = Settings.from_environment()
    if action is Action.CREATE:
        made, secret = tokens.create(settings, role, label, _day(expires))
        typer.echo(
            f"Token {made.name} for {made.label}, {made.role} until {made.expires}:", err=True
        )
        typer.echo(secret)
    elif action is Action.REVOKE:
        gone = tokens.revoke(settings, name)
        typer.echo(f"Token {gone.name} of {gone.label} opens nothing any more.")
    else:
        for one in tokens.listed(settings):
            state = f"revoked {one.revoked}" if one.revoked else f"until {one.expires}"
            typer.echo(f"{one.name}  {one.role:<11}  {state:<18}  {one.label}")


def _day(text: str) -> datetime.date:
    if not text:
        return datetime.datetime.now(datetime.UTC).date() + _A_YEAR
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise BadParameter("expires", text, "a day is written YYYY-MM-DD") from None
