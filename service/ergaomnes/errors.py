"""Everything that can go wrong, as one tree; nobody builds a message anywhere else.

ErgaOmnesError
├── NotFound                    404
│   ├── UnknownQuestion
│   ├── UnknownRule
│   ├── UnknownGraph
│   ├── UnknownThing
│   ├── UnknownToken
│   ├── UnknownChange
│   ├── UnknownContribution
│   ├── UnknownGeneration
│   ├── NoSuchFile
│   ├── UnknownPanel
│   ├── UnknownPicture
│   └── AssetMissing
├── BadRequest                  400
│   ├── MissingQuery
│   ├── UnknownParameter
│   ├── BadParameter
│   ├── UnknownPrefix
│   ├── NotACurie
│   ├── QuerySyntax
│   ├── UnknownDataset
│   ├── QueryKind
│   ├── QueryTooDeep
│   ├── TurtleSyntax
│   ├── SubmissionSyntax
│   ├── CommentsInTurtle
│   ├── TableUnreadable
│   ├── BadColumns
│   ├── BadRows
│   ├── TableTooOld
│   ├── UnfitFolder
│   ├── BadBackup
│   ├── ReasonMissing
│   └── SettingFault
│       ├── UnknownSetting
│       └── BadSetting
├── NotAuthorised               401
│   ├── TokenMissing
│   └── TokenRefused
├── Refused                     403
│   ├── QueryRefused
│   ├── ReadOnly
│   ├── UpdateRefused
│   ├── NotYours
│   └── TokenForbidden
├── WrongMethod                 405
│   └── NotWritable
├── GenerationGone              410
│   └── GenerationLost
├── Redacted                    410
├── UnsupportedMediaType        415
├── NotAcceptable               406
│   └── AnswerUnwritable
├── TooLarge                    413
│   ├── QueryTooLong
│   ├── AnswerTooLarge
│   ├── SubmissionTooLarge
│   ├── ChangeTooWide
│   └── ChangeTooLarge
├── TooManyRequests             429
│   ├── TooManyContributions
│   └── TooManyAtOnce
├── Stopped                     500
│   ├── QueryTimeout            504
│   ├── QueryMemory             507
│   ├── QueryCrashed            507
│   ├── JudgementTimeout        504
│   ├── JudgementCrashed        507
│   ├── ChangeTimeout           504
│   ├── ChangeCrashed           507
│   ├── Busy                    503
│   └── CallerLeft              503
├── EndpointFailed              502
│   ├── EndpointUnreachable
│   ├── EndpointTimeout         504
│   ├── EndpointRefused
│   ├── ServiceRefused
│   ├── EndpointAnswer
│   └── EndpointCut
├── StateFault                  409
│   ├── StateExists
│   ├── StateInUse
│   ├── RestoreUnfinished
│   └── LedgerBroken
├── GraphClosed                 409
├── ChangeUndone                409
├── ContributionClosed          409
├── ContributionConflict        409
├── StillStands                 409
├── GenerationMoved             412
├── ChangeRejected              422
├── ContributionIncomplete      422
├── ContributionRejected        422
├── NothingNew                  422
├── KeyReused                   422
├── UnusableShapes              422
├── UnformattedTurtle           409
├── VanishedActs                409
└── OurFault                    500
    ├── ShippedFilesMissing
    ├── CatalogueFault
    ├── RuleFault
    │   └── RuleCycle
    ├── FactsChanged
    └── BuildFailed

Each class knows its HTTP status, its problem type (RFC 9457: the base IRI, `problem/`, the slug),
its title, the remedy and the exit status of the command line. `str()` is the detail sentence and
`data` holds the values it is made of, which are also the extension members of the problem.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from typing import Any, ClassVar

EXIT_FINDINGS = 1  # the check was made and found something
EXIT_USAGE = 2  # what was asked for does not exist or does not fit
EXIT_INPUT = 3  # a file or text that was given cannot be read
EXIT_STOPPED = 4  # a limit was reached, or another service failed
EXIT_OURS = 5  # our own fault

_CONTRIBUTE = (
    "Facts change through contributions, which are checked and recorded: POST the new facts to"
    " /validate to hear what the shapes say of them, and send them with their sources."
)


def near(name: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """Give the candidates that look like `name`, nearest first; those that contain it count."""
    known = sorted(set(candidates))
    lowered = {candidate.lower(): candidate for candidate in known}
    close = [
        lowered[found]
        for found in sorted(
            get_close_matches(name.lower(), lowered, n=20, cutoff=0.55),
            key=lambda found: _distance(name.lower(), found),
        )
    ][:5]
    holding = [known_name for known_name in known if name and name.lower() in known_name.lower()]
    return tuple(dict.fromkeys(close + holding))[:5]


def _distance(name: str, candidate: str) -> tuple[float, bool]:
    """Tell how far two names are apart; of two as far, the one that begins alike is nearer."""
    return -SequenceMatcher(None, candidate, name).ratio(), candidate[:1] != name[:1]


def did_you_mean(names: Sequence[str]) -> str:
    """Make the sentence that offers near names, or nothing when there are none."""
    if not names:
        return ""
    if len(names) == 1:
        return f"Did you mean {names[0]}?"
    return f"Did you mean {', '.join(names[:-1])} or {names[-1]}?"


class ErgaOmnesError(Exception):
    """Anything this package raises on purpose."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"
    remedy: str = ""
    exit_status: ClassVar[int] = EXIT_OURS

    def __init__(self, detail: str, *, remedy: str = "", **data: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.data: dict[str, object] = data
        if remedy:
            self.remedy = remedy

    @property
    def headers(self) -> Mapping[str, str]:
        """Give the HTTP header fields that belong to this error."""
        return {}

    def __reduce__(self) -> tuple[object, ...]:
        # An exception is rebuilt by calling its class with `args`, which ours do not take; and they
        # must survive the way back from a reader process.
        return _again, (type(self), self.args), self.__dict__


def _again(kind: type[ErgaOmnesError], args: tuple[object, ...]) -> ErgaOmnesError:
    return kind.__new__(kind, *args)


def told(error: ErgaOmnesError) -> dict[str, object]:
    """Write an error down, as JSON may hold it, for another process."""
    return {"raised": type(error).__name__, "said": str(error), "holds": error.__dict__}


def rebuilt(head: Mapping[str, Any]) -> ErgaOmnesError:
    """Build an error anew that was raised in another process."""
    kind: type[ErgaOmnesError] = globals()[head["raised"]]
    error = kind.__new__(kind, head["said"])
    error.__dict__.update(head["holds"])
    return error


# 404


class NotFound(ErgaOmnesError):
    """What was named does not exist here."""

    status = 404
    slug = "not-found"
    title = "Not found"
    exit_status = EXIT_USAGE


class UnknownQuestion(NotFound):
    """No question has this name."""

    slug = "unknown-question"
    title = "No such question"

    def __init__(self, name: str, near: Sequence[str] = ()) -> None:
        super().__init__(
            f"There is no question called “{name}”.",
            remedy=did_you_mean(near) or "List the questions with `ergaomnes questions`.",
            name=name,
            near=tuple(near),
        )


class UnknownRule(NotFound):
    """A rule names another one that does not exist."""

    slug = "unknown-rule"
    title = "No such rule"
    exit_status = EXIT_OURS

    def __init__(self, name: str, named_by: str, near: Sequence[str] = ()) -> None:
        super().__init__(
            f"The rule “{named_by}” comes after “{name}”, and there is no such rule.",
            remedy=did_you_mean(near),
            name=name,
            named_by=named_by,
            near=tuple(near),
        )


class UnknownGraph(NotFound):
    """No named graph has this name."""

    slug = "unknown-graph"
    title = "No such graph"

    def __init__(self, name: str, near: Sequence[str] = ()) -> None:
        super().__init__(
            f"There is no graph called “{name}”.",
            remedy=did_you_mean(near),
            name=name,
            near=tuple(near),
        )


class GenerationGone(ErgaOmnesError):
    """What was asked for is of a generation that is not served any more."""

    status = 410
    slug = "generation-gone"
    title = "That generation is not served any more"

    def __init__(self, wanted: str, served: str) -> None:
        super().__init__(
            f"Generation “{wanted[:100]}” was asked for, and {served} is served.",
            remedy="Begin again without the parameter “generation”. Whether a cited answer is still"
            " the same, the SHA-256 in the citation of the answer now tells.",
            wanted=wanted[:100],
            served=served,
        )


class GenerationLost(GenerationGone):
    """A generation was published, and its facts cannot be given any more."""

    slug = "generation-lost"
    title = "That generation cannot be given any more"

    def __init__(self, key: str, why: str) -> None:
        ErgaOmnesError.__init__(
            self,
            f"Generation {key}: {why}.",
            remedy="Its record stays at /generations; ask another one.",
            key=key,
            why=why,
        )


class Redacted(ErgaOmnesError):
    """What was asked for was kept, and has been taken away for a reason."""

    status = 410
    slug = "redacted"
    title = "This was taken away"

    def __init__(self, record: int, tombstone: int, time: str) -> None:
        super().__init__(
            f"A part of record {record} was taken away on {time}.",
            remedy=f"Record {tombstone} of the same chain says why; its hash is kept.",
            record=record,
            tombstone=tombstone,
            time=time,
        )


class UnknownThing(NotFound):
    """Nothing is said of the thing with this address."""

    slug = "unknown-thing"
    title = "Nothing is known under this address"

    def __init__(self, iri: str, near: Sequence[str] = ()) -> None:
        super().__init__(
            f"The graph says nothing of <{iri}>.",
            remedy=did_you_mean(near),
            iri=iri,
            near=tuple(near),
        )


class UnknownToken(NotFound):
    """No token that is good has this name or label."""

    slug = "unknown-token"
    title = "No such token"
    remedy = "List them with `ergaomnes token list`."

    def __init__(self, name: str) -> None:
        super().__init__(f"No token called “{name}” could be revoked.", name=name)


class UnknownChange(NotFound):
    """The ledger has no change with this number."""

    slug = "unknown-change"
    title = "No such change"
    remedy = "List them with `ergaomnes audit`."

    def __init__(self, number: int) -> None:
        super().__init__(f"There is no change {number}.", number=number)


class UnknownContribution(NotFound):
    """There is no contribution with this number."""

    slug = "unknown-contribution"
    title = "No such contribution"
    remedy = "List them at /contributions or with `ergaomnes review`."

    def __init__(self, number: int) -> None:
        super().__init__(f"There is no contribution {number}.", number=number)


class UnknownGeneration(NotFound):
    """No generation was ever published under this key, or several begin so."""

    slug = "unknown-generation"
    title = "No such generation"

    def __init__(self, key: str, near: Sequence[str] = ()) -> None:
        hint = did_you_mean(near)
        super().__init__(
            f"No one generation is called “{key[:100]}”.",
            remedy=f"{hint} /generations lists them.".strip(),
            key=key[:100],
            near=tuple(near),
        )


class NoSuchFile(NotFound):
    """A path given by the user leads nowhere, or to something that is not a text file."""

    slug = "no-such-file"
    title = "The file cannot be read"

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"{file}: {why}.", file=file, why=why)


class UnknownPanel(NotFound):
    """No page has a panel of this name, or the page is of something else."""

    slug = "unknown-panel"
    title = "No such panel"

    def __init__(self, name: str, near: Sequence[str] = ()) -> None:
        super().__init__(
            f"There is no panel “{name}”.",
            remedy=did_you_mean(near)
            or "Take the address of a panel from the page that it stands on, below its table.",
            name=name,
            near=tuple(near),
        )


class UnknownPicture(NotFound):
    """There is nothing that could be drawn."""

    slug = "unknown-picture"
    title = "No such picture"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is no picture of “{name}”.",
            remedy="Its table says the same: ask for the panel without the ending.",
            name=name,
        )


class AssetMissing(NotFound):
    """A file that the build takes from npm is not in this package."""

    slug = "asset-missing"
    title = "Not in this installation"
    exit_status = EXIT_OURS

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is no file “{name[:100]}” here that the build made.",
            remedy="Whoever runs the service installs it anew with Node 20 or newer and a way to"
            " the npm registry, and ERGAOMNES_FRONTEND=require to be told what fails.",
            name=name[:100],
        )


# 400


class BadRequest(ErgaOmnesError):
    """What was asked cannot be understood."""

    status = 400
    slug = "bad-request"
    title = "The request cannot be understood"
    exit_status = EXIT_USAGE


class MissingQuery(BadRequest):
    """A SPARQL request without a query."""

    slug = "missing-query"
    title = "No query was given"

    def __init__(self) -> None:
        super().__init__(
            "The request carries no SPARQL query.",
            remedy="Send it as `query=` in the address or a form, or as application/sparql-query.",
        )


class UnknownParameter(BadRequest):
    """The question has no such parameter."""

    slug = "unknown-parameter"
    title = "No such parameter"

    def __init__(self, name: str, near: Sequence[str] = ()) -> None:
        super().__init__(
            f"The question has no parameter called “{name}”.",
            remedy=did_you_mean(near),
            name=name,
            near=tuple(near),
        )


class BadParameter(BadRequest):
    """The value does not fit the parameter."""

    slug = "bad-parameter"
    title = "The value does not fit the parameter"

    def __init__(self, name: str, value: str, why: str, near: Sequence[str] = ()) -> None:
        super().__init__(
            f"The value “{value}” does not fit the parameter “{name}”: {why}.",
            remedy=did_you_mean(near),
            name=name,
            value=value,
            why=why,
            near=tuple(near),
        )


class UnknownPrefix(BadRequest):
    """The prefix is not in the one table."""

    slug = "unknown-prefix"
    title = "Unknown prefix"

    def __init__(self, prefix: str, near: Sequence[str] = ()) -> None:
        super().__init__(
            f"The prefix “{prefix}:” is not in the prefix table.",
            remedy=did_you_mean([f"{name}:" for name in near])
            or "The prefixes are those of ontology/prefixes.ttl.",
            prefix=prefix,
            near=tuple(near),
        )


class NotACurie(BadRequest):
    """The text is not of the form prefix:name."""

    slug = "not-a-curie"
    title = "Not a prefixed name"

    def __init__(self, text: str) -> None:
        super().__init__(
            f"“{text}” is neither a full IRI nor a prefixed name.",
            remedy="Write a prefix, a colon and a name, or a whole IRI.",
            text=text,
        )


class QuerySyntax(BadRequest):
    """The SPARQL does not parse; `line` and `column` count from 1, in characters."""

    slug = "query-syntax"
    title = "The query is not valid SPARQL"

    def __init__(
        self,
        message: str,
        *,
        line: int | None = None,
        column: int | None = None,
        piece: str = "",
        remedy: str = "",
    ) -> None:
        where = "" if line is None else f" at line {line}, column {column}"
        place = {} if line is None else {"line": line, "column": column, "piece": piece}
        super().__init__(
            f"The query cannot be parsed{where}: {message}",
            remedy=remedy,
            message=message,
            **place,
        )


class UnknownDataset(BadRequest):
    """A query is to be asked of a graph that is not here."""

    slug = "unknown-dataset"
    title = "The dataset is not here"

    def __init__(self, graph: str, near: Sequence[str] = ()) -> None:
        super().__init__(
            f"The query is to be asked of <{graph}>, and there is no such graph.",
            remedy=did_you_mean([f"<{one}>" for one in near]),
            graph=graph,
            near=tuple(near),
        )


class QueryKind(BadRequest):
    """A query of one form was needed, another was given."""

    slug = "query-kind"
    title = "The query is of the wrong form"

    def __init__(self, given: str, needed: str) -> None:
        super().__init__(
            f"A query that answers with {needed} is needed here; this one answers with {given}.",
            given=given,
            needed=needed,
        )


class QueryTooDeep(BadRequest):
    """The query nests more groups than the parser can take."""

    slug = "query-too-deep"
    title = "The query is nested too deeply"

    def __init__(self, depth: int, limit: int) -> None:
        super().__init__(
            f"The query nests {depth} brackets in one another; at most {limit} are read.",
            depth=depth,
            limit=limit,
        )


class TurtleSyntax(BadRequest):
    """A Turtle text does not parse."""

    slug = "turtle-syntax"
    title = "The Turtle is not valid"
    exit_status = EXIT_INPUT

    def __init__(self, file: str, line: int, column: int, why: str) -> None:
        super().__init__(
            f"{file}:{line}:{column}: {why}",
            remedy="Correct the text at that line and column; nothing was written.",
            file=file,
            line=line,
            column=column,
            why=why,
        )


class ReasonMissing(BadRequest):
    """A change was sent without saying why."""

    slug = "reason-missing"
    title = "A change needs a reason"
    remedy = "Say why in the field `Ergaomnes-Reason` or the parameter `reason`, in a sentence."

    def __init__(self, why: str = "there is none") -> None:
        super().__init__(f"The record of each change holds the reason, and {why}.", why=why)


class SubmissionSyntax(BadRequest):
    """A submitted text does not parse."""

    slug = "submission-syntax"
    title = "The text cannot be read"
    exit_status = EXIT_INPUT

    def __init__(self, file: str, line: int | None, column: int | None, why: str) -> None:
        where = ":".join(str(part) for part in (file, line, column) if part is not None)
        super().__init__(
            f"{where}: {why.rstrip('.')}.",
            remedy="Correct the text there; nothing was written.",
            file=file,
            line=line,
            column=column,
            why=why,
        )


class UnusableShapes(ErgaOmnesError):
    """Shapes that somebody sent cannot be applied."""

    status = 422
    slug = "unusable-shapes"
    title = "These shapes cannot be applied"
    exit_status = EXIT_INPUT

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The shapes cannot be applied: {why.strip().rstrip('.')[:500]}.",
            remedy="Correct them: SHACL core and SHACL-SPARQL are applied, without imports.",
            why=why.strip()[:500],
        )


class CommentsInTurtle(BadRequest):
    """Comments would be lost by the writer."""

    slug = "comments-in-turtle"
    title = "The Turtle holds comments"
    exit_status = EXIT_INPUT

    def __init__(self, file: str, lines: Sequence[int]) -> None:
        shown = ", ".join(str(line) for line in lines[:10]) + (", …" if len(lines) > 10 else "")
        where = "line" if len(lines) == 1 else "lines"
        super().__init__(
            f"{file}: comments on {where} {shown} would be lost.",
            remedy="Say it in skos:editorialNote or skos:scopeNote, or give --drop-comments.",
            file=file,
            lines=tuple(lines),
        )


@dataclass(frozen=True, slots=True)
class ColumnFault:
    """What is wrong with the first row of a table, at one name."""

    name: str
    why: str
    near: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CellFault:
    """What is wrong with one cell of a table, and what to do about it."""

    row: int
    column: str
    value: str
    why: str
    remedy: str

    def __str__(self) -> str:
        where = f"row {self.row}, {self.column}" if self.column else f"row {self.row}"
        value = f" “{self.value}”" if self.value else ""
        return f"{where}{value}: {self.why}. {self.remedy}".rstrip()


class TableUnreadable(BadRequest):
    """A table cannot be read at all."""

    slug = "table-unreadable"
    title = "The table cannot be read"
    exit_status = EXIT_INPUT

    def __init__(self, file: str, why: str, remedy: str) -> None:
        super().__init__(f"{file}: {why}.", remedy=remedy, file=file, why=why)


class BadColumns(BadRequest):
    """The first row of a table does not name its columns."""

    slug = "bad-columns"
    title = "The columns do not fit"
    exit_status = EXIT_INPUT

    def __init__(self, file: str, faults: Sequence[ColumnFault], known: Sequence[str]) -> None:
        said = "; ".join(
            f"“{fault.name}”: {fault.why}"
            + (f" ({did_you_mean(fault.near)})" if fault.near else "")
            for fault in faults
        )
        super().__init__(
            f"{file}, first row: {said}.",
            remedy=f"The columns are: {', '.join(known)}.",
            file=file,
            faults=tuple(faults),
        )
        self.faults = tuple(faults)


class BadRows(BadRequest):
    """Cells of a table are wrong; nothing of it was taken over."""

    slug = "bad-rows"
    title = "The table has faults"
    exit_status = EXIT_INPUT

    def __init__(self, file: str, faults: Sequence[CellFault]) -> None:
        rows = len({fault.row for fault in faults})
        many = "1 fault" if len(faults) == 1 else f"{len(faults):,} faults"
        super().__init__(
            f"{file}: {many} in {'1 row' if rows == 1 else f'{rows:,} rows'};"
            " nothing of the table was taken over.",
            remedy="Correct the cells named above and import the table again.",
            file=file,
            faults=tuple(faults),
        )
        self.faults = tuple(faults)


class TableTooOld(BadRequest):
    """The table shows its source as it stood before what is already known."""

    slug = "table-too-old"
    title = "The table is older than what is known"
    exit_status = EXIT_INPUT

    def __init__(self, source: str, given: str, known: str) -> None:
        super().__init__(
            f"The table shows {source} as it stood on {given}; what is known stood on {known}.",
            remedy="Import a table read on that day or later.",
            source=source,
            given=given,
            known=known,
        )


class UnfitFolder(BadRequest):
    """A release cannot be written to the folder that was named."""

    slug = "unfit-folder"
    title = "The folder does not fit"

    def __init__(self, folder: str, why: str, remedy: str = "") -> None:
        super().__init__(
            f"{folder}: {why}.",
            remedy=remedy or "Name a folder that does not exist yet, or an empty one.",
            folder=folder,
            why=why,
        )


class BadBackup(BadRequest):
    """A file is no backup, or not a whole one."""

    slug = "bad-backup"
    title = "The backup cannot be restored"
    exit_status = EXIT_INPUT

    def __init__(self, file: str, why: str) -> None:
        super().__init__(
            f"{file}: {why}.",
            remedy="Nothing was changed. Restore another backup.",
            file=file,
            why=why,
        )


class SettingFault(BadRequest):
    """A setting from the environment is wrong."""

    slug = "setting-fault"
    title = "A setting is wrong"


class UnknownSetting(SettingFault):
    """The environment names a setting that does not exist."""

    slug = "unknown-setting"
    title = "No such setting"

    def __init__(self, name: str, near: Sequence[str] = ()) -> None:
        super().__init__(
            f"The environment sets {name}, and there is no such setting.",
            remedy=did_you_mean(near) or f"Remove {name} from the environment.",
            name=name,
            near=tuple(near),
        )


class BadSetting(SettingFault):
    """The value does not fit the setting."""

    slug = "bad-setting"
    title = "The value does not fit the setting"

    def __init__(self, name: str, value: str, why: str) -> None:
        super().__init__(
            f"{name}={value!r}: {why}.",
            name=name,
            value=value,
            why=why,
        )


# 401


class NotAuthorised(ErgaOmnesError):
    """Whoever asks has not shown a token that opens this."""

    status = 401
    slug = "not-authorised"
    title = "A token is needed"
    exit_status = EXIT_USAGE
    challenge: ClassVar[str] = ""

    @property
    def headers(self) -> Mapping[str, str]:
        """Say how a token is shown: https://www.rfc-editor.org/rfc/rfc6750#section-3."""
        return {"WWW-Authenticate": f'Bearer realm="ergaomnes"{self.challenge}'}


class TokenMissing(NotAuthorised):
    """No token was sent."""

    slug = "token-missing"
    remedy = "Send the field `Authorization: Bearer TOKEN`; a curator makes tokens."

    def __init__(self) -> None:
        super().__init__("Only who shows a token may do this.")


class TokenRefused(NotAuthorised):
    """The token is unknown, over or revoked; which of these is nobody's business."""

    slug = "token-refused"
    title = "The token opens nothing"
    remedy = "Ask the keeper of this service for a new one."
    challenge = ', error="invalid_token"'

    def __init__(self) -> None:
        super().__init__("The token is unknown, past its last day, or revoked.")


# 403


class Refused(ErgaOmnesError):
    """Understood, and never done here."""

    status = 403
    slug = "refused"
    title = "Refused"
    exit_status = EXIT_USAGE


class QueryRefused(Refused):
    """The query would reach out or write."""

    slug = "query-refused"
    title = "The query is refused"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The query is refused: {why}",
            remedy="Only read what is in this store: no SERVICE, no remote FROM, no update.",
            why=why,
        )


class ReadOnly(Refused):
    """An update was sent to where facts are only read."""

    slug = "read-only"
    title = "Nothing is written here"

    def __init__(self) -> None:
        super().__init__("SPARQL Update is not taken here.", remedy=_CONTRIBUTE)


class UpdateRefused(Refused):
    """The update would reach out."""

    slug = "update-refused"
    title = "The update is refused"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The update is refused: {why}",
            remedy="Send the facts themselves, by INSERT DATA or by PUT or POST of a graph.",
            why=why,
        )


class NotYours(Refused):
    """A token is good, but what is asked for belongs to another."""

    slug = "not-yours"
    title = "This belongs to somebody else"

    def __init__(self, number: int) -> None:
        super().__init__(
            f"Contribution {number} was sent with another token.",
            remedy="Send the token that it was sent with, or ask a curator.",
            number=number,
        )


class TokenForbidden(Refused):
    """The token is good, and opens something else."""

    slug = "token-forbidden"
    title = "The token does not open this"

    def __init__(self, role: str) -> None:
        super().__init__(f"This is for those with the role “{role}”.", role=role)

    @property
    def headers(self) -> Mapping[str, str]:
        """Say how a token is shown: https://www.rfc-editor.org/rfc/rfc6750#section-3.1."""
        return {"WWW-Authenticate": 'Bearer realm="ergaomnes", error="insufficient_scope"'}


# 405


class WrongMethod(ErgaOmnesError):
    """What has this address is not used so."""

    status = 405
    slug = "wrong-method"
    title = "The method is not taken here"
    exit_status = EXIT_USAGE

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        super().__init__(
            f"{method[:40]} is not taken here; {', '.join(allowed)} are.",
            method=method[:40],
            allowed=tuple(allowed),
        )

    @property
    def headers(self) -> Mapping[str, str]:
        """Say what may be done instead."""
        allowed = self.data["allowed"]
        return {"Allow": ", ".join(allowed)} if isinstance(allowed, tuple) else {}


class NotWritable(WrongMethod):
    """A graph was to be changed by way of the Graph Store Protocol."""

    slug = "not-writable"
    title = "Graphs are only read here"
    remedy = _CONTRIBUTE


# 415, 406


class UnsupportedMediaType(ErgaOmnesError):
    """The body is of a kind that is not read here."""

    status = 415
    slug = "unsupported-media-type"
    title = "The media type is not read here"
    exit_status = EXIT_USAGE

    def __init__(self, given: str, offered: Sequence[str]) -> None:
        super().__init__(
            f"The media type “{given}” is not read here.",
            remedy=f"Send one of: {', '.join(offered)}.",
            given=given,
            offered=tuple(offered),
        )

    @property
    def headers(self) -> Mapping[str, str]:
        """Say what is read, as RFC 9110 15.5.16 and RFC 5789 suggest."""
        offered = self.data["offered"]
        return {"Accept": ", ".join(offered)} if isinstance(offered, tuple) else {}


class NotAcceptable(ErgaOmnesError):
    """None of the accepted media types can be written."""

    status = 406
    slug = "not-acceptable"
    title = "No acceptable media type"
    exit_status = EXIT_USAGE

    def __init__(self, offered: Sequence[str]) -> None:
        super().__init__(
            "None of the media types in the Accept field can be written here.",
            remedy=f"Accept one of: {', '.join(offered)}.",
            offered=tuple(offered),
        )


class AnswerUnwritable(NotAcceptable):
    """The answer holds characters that the format has no form for."""

    slug = "answer-unwritable"
    title = "The answer cannot be written in this format"

    def __init__(self, format: str) -> None:  # noqa: A002 - the name of the problem's member
        ErgaOmnesError.__init__(
            self,
            f"The answer holds control characters that {format} cannot carry.",
            remedy="Ask for JSON.",
            format=format,
        )


# 413


class TooLarge(ErgaOmnesError):
    """More than the limit."""

    status = 413
    slug = "too-large"
    title = "Too large"
    exit_status = EXIT_STOPPED


class QueryTooLong(TooLarge):
    """The query's text is longer than is read."""

    slug = "query-too-long"
    title = "The query is too long"

    def __init__(self, length: int, limit: int) -> None:
        super().__init__(
            f"The query has {length:,} characters; at most {limit:,} are read.",
            length=length,
            limit=limit,
        )


class AnswerTooLarge(TooLarge):
    """The answer is larger than is sent."""

    slug = "answer-too-large"
    title = "The answer is too large"

    def __init__(self, limit: int, unit: str) -> None:
        super().__init__(
            f"The answer has more than {limit:,} {unit}.",
            remedy="Narrow the query, or page through it with ORDER BY, LIMIT and OFFSET.",
            limit=limit,
            unit=unit,
        )


class SubmissionTooLarge(TooLarge):
    """A submitted text is larger than is read."""

    slug = "submission-too-large"
    title = "The submission is too large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"A submission has at most {limit:,} bytes.", limit=limit)


class ChangeTooWide(TooLarge):
    """Too many records would have to be judged anew, because others lose facts."""

    slug = "change-too-wide"
    title = "The change bears on too much"

    def __init__(self, records: int, limit: int) -> None:
        super().__init__(
            f"{records:,} records refer to what loses facts, and at most {limit:,} are judged.",
            remedy="Change what they refer to first, or remove less at a time.",
            records=records,
            limit=limit,
        )


class ChangeTooLarge(TooLarge):
    """A change adds and removes more than is taken at once."""

    slug = "change-too-large"
    title = "The change is too large"

    def __init__(self, number: int, limit: int) -> None:
        super().__init__(
            f"The change adds and removes {number:,} facts; at most {limit:,} are taken at once.",
            remedy="Send it in parts that each make sense by themselves.",
            number=number,
            limit=limit,
        )


# 429


class TooManyRequests(ErgaOmnesError):
    """A client asks faster than it may."""

    status = 429
    slug = "too-many-requests"
    title = "Too many requests"
    exit_status = EXIT_STOPPED

    def __init__(self, limit: int, retry_after: int) -> None:
        super().__init__(
            f"This client has sent more than {limit:,} requests within a minute.",
            remedy=f"Try again in {retry_after} s; take the whole from /dump.nq, if you need it.",
            limit=limit,
            retry_after=retry_after,
        )

    @property
    def headers(self) -> Mapping[str, str]:
        """Say when to come back."""
        return {"Retry-After": str(self.data["retry_after"])}


class TooManyAtOnce(TooManyRequests):
    """A client has too many requests open."""

    slug = "too-many-at-once"
    title = "Too many requests at once"

    def __init__(self, limit: int) -> None:
        super().__init__(limit, 1)
        self.args = (f"This client has {limit:,} requests open, and may have no more at a time.",)
        [self.detail] = self.args
        self.remedy = "Wait for an answer before you ask anew."


class TooManyContributions(TooManyRequests):
    """A token hands in more than may wait to be read."""

    slug = "too-many-contributions"
    title = "Too many contributions"

    def __init__(self, why: str, limit: int, retry_after: int) -> None:
        super().__init__(limit, retry_after)
        self.args = (f"This token has {why} {limit:,} contributions, and no more are taken now.",)
        [self.detail] = self.args
        self.remedy = "Wait for a decision, or hand in more facts at a time."


# 500, 503, 504, 507: stopped, not wrong


class Stopped(ErgaOmnesError):
    """The work was ended before it was done."""

    slug = "stopped"
    title = "The work was stopped"
    exit_status = EXIT_STOPPED


class QueryTimeout(Stopped):
    """The query ran past its time limit."""

    status = 504
    slug = "query-timeout"
    title = "The query took too long"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The query was stopped after {seconds:g} s.",
            remedy="Narrow the query: bind more terms, avoid patterns that do not join.",
            seconds=seconds,
        )


class QueryMemory(Stopped):
    """The query needed more memory than a reader has."""

    status = 507
    slug = "query-memory"
    title = "The query needed too much memory"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The query needed more than {limit // 2**20:,} MiB of memory.",
            remedy="Narrow the query: bind more terms, avoid patterns that do not join.",
            limit=limit,
        )


class QueryCrashed(Stopped):
    """The reader process died."""

    status = 507
    slug = "query-crashed"
    title = "The query ended the process that read it"

    def __init__(self) -> None:
        super().__init__(
            "The process that worked on the query died; nothing else was harmed.",
            remedy="Narrow the query, or nest less in it.",
        )


class JudgementTimeout(Stopped):
    """Judging ran past its time limit."""

    status = 504
    slug = "judgement-timeout"
    title = "The validation took too long"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The validation was stopped after {seconds:g} s.",
            remedy="Send the facts in smaller parts.",
            seconds=seconds,
        )


class JudgementCrashed(Stopped):
    """The judging process died, of memory or of what it was given."""

    status = 507
    slug = "judgement-crashed"
    title = "The submission ended the process that judged it"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The process died; it may take {limit // 2**20:,} MiB of memory.",
            remedy="Send the facts in smaller parts, and nest less in them.",
            limit=limit,
        )


class ChangeTimeout(Stopped):
    """A change was not worked out in time, and was stopped."""

    status = 504
    slug = "change-timeout"
    title = "The change took too long"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"It was stopped after {seconds:g} s; nothing was changed.",
            remedy="Send it in parts, or with a WHERE that finds less.",
            seconds=seconds,
        )


class ChangeCrashed(Stopped):
    """The process that worked out a change died, of memory or of what it was given."""

    status = 507
    slug = "change-crashed"
    title = "The change ended the process that worked on it"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The process died, and nothing was changed; it may take {limit // 2**20:,} MiB.",
            remedy="Send the change in smaller parts, and nest less in them.",
            limit=limit,
        )


class Busy(Stopped):
    """All readers are at work."""

    status = 503
    slug = "busy"
    title = "All readers are at work"

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            f"All readers are at work; try again in {retry_after} s.",
            retry_after=retry_after,
        )

    @property
    def headers(self) -> Mapping[str, str]:
        """Say when to come back."""
        return {"Retry-After": str(self.data["retry_after"])}


class CallerLeft(Stopped):
    """Nobody is there any more to take the answer."""

    status = 503
    slug = "caller-left"
    title = "The asker has left"

    def __init__(self) -> None:
        super().__init__("The connection was closed before the answer was there.")


# 502: another service


class EndpointFailed(ErgaOmnesError):
    """Another SPARQL endpoint did not answer as it should."""

    status = 502
    slug = "endpoint-failed"
    title = "The endpoint failed"
    exit_status = EXIT_STOPPED


class EndpointUnreachable(EndpointFailed):
    """No connection."""

    slug = "endpoint-unreachable"
    title = "The endpoint cannot be reached"

    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            f"{url} cannot be reached: {why}.",
            remedy="Check the address and the connection.",
            url=url,
            why=why,
        )


class EndpointTimeout(EndpointFailed):
    """No answer in time."""

    status = 504
    slug = "endpoint-timeout"
    title = "The endpoint took too long"

    def __init__(self, url: str, seconds: float) -> None:
        super().__init__(
            f"{url} gave no answer within {seconds:g} s.",
            remedy="Try again, or allow more time.",
            url=url,
            seconds=seconds,
        )


class EndpointRefused(EndpointFailed):
    """An HTTP error from the endpoint."""

    slug = "endpoint-refused"
    title = "The endpoint refused the query"

    def __init__(self, url: str, status: int, text: str) -> None:
        super().__init__(f"{url} answered {status}: {text}", url=url, status=status, text=text)


class ServiceRefused(EndpointFailed):
    """A service of ours said what is wrong with what was sent."""

    slug = "service-refused"
    title = "The service refused this"
    exit_status = EXIT_USAGE

    def __init__(self, url: str, status: int, text: str, remedy: str) -> None:
        super().__init__(
            f"{url} answered {status}: {text}", remedy=remedy, url=url, status=status, text=text
        )


class EndpointAnswer(EndpointFailed):
    """The answer is not what SPARQL says it is."""

    slug = "endpoint-answer"
    title = "The endpoint's answer cannot be read"

    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            f"The answer of {url} cannot be read: {why}.",
            remedy="Check that the address is that of a SPARQL 1.1 query service.",
            url=url,
            why=why,
        )


class EndpointCut(EndpointFailed):
    """The endpoint sent fewer rows than there are."""

    slug = "endpoint-cut"
    title = "The endpoint cut the answer"

    def __init__(self, url: str, rows: int) -> None:
        super().__init__(
            f"{url} cut the answer after {rows:,} rows.",
            remedy="Ask an endpoint without that limit, or narrow the question.",
            url=url,
            rows=rows,
        )


# a check that says no


class StateFault(ErgaOmnesError):
    """The folder of the service is not in the state that is needed."""

    status = 409
    slug = "state-fault"
    title = "The folder of the service is not fit for this"
    exit_status = EXIT_USAGE


class StateExists(StateFault):
    """A restored state would replace another one."""

    slug = "state-exists"
    title = "There is a state already"

    def __init__(self, folder: str, names: Sequence[str]) -> None:
        super().__init__(
            f"{folder} holds {', '.join(names)}.",
            remedy="Add --force to replace it; what was there is kept aside.",
            folder=folder,
            names=tuple(names),
        )


class StateInUse(StateFault):
    """A service runs over the folder."""

    slug = "state-in-use"
    title = "A service runs over this folder"

    def __init__(self, folder: str) -> None:
        super().__init__(
            f"{folder} is read by a service that runs.",
            remedy="Stop the service first, and start it afterwards.",
            folder=folder,
        )


class RestoreUnfinished(StateFault):
    """A restore was interrupted between the old state and the new."""

    slug = "restore-unfinished"
    title = "A restore was interrupted"

    def __init__(self, folder: str) -> None:
        super().__init__(
            f"{folder} is between two states.",
            remedy="Restore again with `ergaomnes restore FILE --force`.",
            folder=folder,
        )


class LedgerBroken(StateFault):
    """A record of the ledger is not what was written; nothing after it is believed."""

    slug = "ledger-broken"
    title = "The ledger is broken"
    exit_status = EXIT_FINDINGS

    def __init__(self, record: str, why: str) -> None:
        super().__init__(
            f"{record}: {why}.",
            remedy="Put the record back from a backup; `ergaomnes audit` checks all of them.",
            record=record,
            why=why,
        )


class GraphClosed(ErgaOmnesError):
    """A change would write where nobody writes by hand."""

    status = 409
    slug = "graph-closed"
    title = "This graph is not written by hand"
    exit_status = EXIT_USAGE

    def __init__(self, graph: str, open_graphs: str) -> None:
        said = f"<{graph}> is" if graph else "The default graph is the union of all graphs, and"
        super().__init__(
            f"{said} not written by hand.",
            remedy=f"Name a graph that begins with {open_graphs}, as in GRAPH <…> {{ … }}.",
            graph=graph,
        )


class ChangeUndone(ErgaOmnesError):
    """What is to be reversed has been changed again since."""

    status = 409
    slug = "change-undone"
    title = "The change cannot be reversed"
    exit_status = EXIT_USAGE

    def __init__(self, number: int, many: int) -> None:
        super().__init__(
            f"{many:,} of the facts of change {number} are not as it left them.",
            remedy="Undo the later changes first, or state what is right in a change of its own.",
            number=number,
            facts=many,
        )


class ContributionClosed(ErgaOmnesError):
    """A contribution is not in the state in which this can be done with it."""

    status = 409
    slug = "contribution-closed"
    title = "The contribution is not open for this"
    exit_status = EXIT_USAGE

    def __init__(self, number: int, state: str, wanted: str) -> None:
        super().__init__(
            f"Contribution {number} is {state}; only one that is {wanted} can be handled so.",
            remedy="Look at its decision; what was decided wrongly is mended by a new contribution"
            " or, where it was accepted, by an undo.",
            number=number,
            state=state,
        )


class ContributionConflict(ErgaOmnesError):
    """The graph has changed since a contribution was handed in, and it does not fit any more."""

    status = 409
    slug = "contribution-conflict"
    title = "The graph has changed meanwhile"
    exit_status = EXIT_FINDINGS

    def __init__(
        self,
        number: int,
        *,
        missing: Sequence[str] = (),
        present: Sequence[str] = (),
        standing: Sequence[str] = (),
        report: Mapping[str, object] | None = None,
    ) -> None:
        why = [
            f"{len(missing):,} of the facts that it removes do not stand" if missing else "",
            f"{len(present):,} of the facts that it adds stand already" if present else "",
            "with it the graph would break a rule" if report else "",
        ]
        super().__init__(
            f"Contribution {number} does not fit: {'; '.join(filter(None, why))}.",
            remedy="Reject it with a reason, or have it handed in anew on the graph as it is.",
            number=number,
            missing=list(missing),
            present=list(present),
            standing=list(standing),
            report=dict(report) if report else None,
        )


class StillStands(ErgaOmnesError):
    """What was to be taken away stands in the published graph."""

    status = 409
    slug = "still-stands"
    title = "This stands in the published graph"
    exit_status = EXIT_USAGE

    def __init__(self, facts: int) -> None:
        super().__init__(
            f"{facts:,} of its facts stand in the graph as it is published.",
            remedy="Undo it first; then its content can be taken away.",
            facts=facts,
        )


class GenerationMoved(ErgaOmnesError):
    """The generation that a change was meant for is no longer the one at hand."""

    status = 412
    slug = "generation-moved"
    title = "The graph has changed meanwhile"
    exit_status = EXIT_USAGE

    def __init__(self, generation: str) -> None:
        super().__init__(
            f"The generation at hand is “{generation}”.",
            remedy="Look at the graph as it is now, and send the change again.",
            generation=generation,
        )

    @property
    def headers(self) -> Mapping[str, str]:
        """Name the generation at hand."""
        return {"ETag": f'"{self.data["generation"]}"'}


class ContributionIncomplete(ErgaOmnesError):
    """What every contribution needs besides its facts is missing."""

    status = 422
    slug = "contribution-incomplete"
    title = "Something is missing"
    exit_status = EXIT_USAGE

    def __init__(self, lacking: Mapping[str, str], facts: Sequence[Mapping[str, object]]) -> None:
        why = [*lacking, f"a source for {len(facts):,} records"] if facts else list(lacking)
        what = [f"{name}: {about}" for name, about in lacking.items()]
        if facts:
            what.append(
                "source: give each of these records erga:hasCitation, or name in the field “source”"
                " where all of it was taken from"
            )
        super().__init__(
            f"The contribution lacks {', '.join(why)}; nothing was kept.",
            remedy=f"Send it again with {'; '.join(what)}.",
            lacking=list(lacking),
            unsourced=list(facts),
        )


class ContributionRejected(ErgaOmnesError):
    """The facts of a contribution break a rule."""

    status = 422
    slug = "contribution-rejected"
    title = "The facts break a rule"
    exit_status = EXIT_FINDINGS

    def __init__(self, report: Mapping[str, object]) -> None:
        super().__init__(
            "With these facts the graph would break a rule; nothing was kept.",
            remedy="Correct what the report names, line by line; /validate checks it again.",
            report=dict(report),
        )


class NothingNew(ErgaOmnesError):
    """A contribution would leave the graph as it is."""

    status = 422
    slug = "nothing-new"
    title = "This is known already"
    exit_status = EXIT_USAGE

    def __init__(self, mode: str) -> None:
        why = "none of the facts stands" if mode == "remove" else "every fact stands already"
        super().__init__(
            f"The contribution would change nothing: {why}.",
            remedy="Send what is new, or what is to be corrected with mode=replace.",
            mode=mode,
        )


class KeyReused(ErgaOmnesError):
    """An Idempotency-Key came again with something else."""

    status = 422
    slug = "idempotency-key-reused"
    title = "This key was used for something else"
    remedy = "Send a key of its own with each contribution."

    def __init__(self, number: int) -> None:
        super().__init__(
            f"The Idempotency-Key was sent with contribution {number}, whose content differs.",
            number=number,
        )


class ChangeRejected(ErgaOmnesError):
    """After the change the graph would break a rule."""

    status = 422
    slug = "change-rejected"
    title = "The graph would break a rule"
    exit_status = EXIT_FINDINGS

    def __init__(self, violations: int, report: Mapping[str, object]) -> None:
        count = "a violation" if violations == 1 else f"{violations:,} violations"
        super().__init__(
            f"The graph would have {count} that it has not now; nothing was changed.",
            remedy="Correct what the report names, and send the change again.",
            violations=violations,
            report=dict(report),
        )


class UnformattedTurtle(ErgaOmnesError):
    """Files differ from what the writer writes."""

    status = 409
    slug = "unformatted-turtle"
    title = "Not in the house form"
    exit_status = EXIT_FINDINGS

    def __init__(self, files: Sequence[str]) -> None:
        count = "1 file is" if len(files) == 1 else f"{len(files)} files are"
        super().__init__(
            f"{count} not in the house form: {', '.join(files)}.",
            remedy="Run `ergaomnes format` on it."
            if len(files) == 1
            else "Run `ergaomnes format` on them.",
            files=tuple(files),
        )


# 500: ours


class VanishedActs(ErgaOmnesError):
    """Acts that a source showed before are not in the newer table of it."""

    status = 409
    slug = "vanished-acts"
    title = "Acts have vanished"
    exit_status = EXIT_FINDINGS

    def __init__(self, acts: Sequence[str]) -> None:
        many = "1 act" if len(acts) == 1 else f"{len(acts):,} acts"
        super().__init__(
            f"{many} known from this source {'is' if len(acts) == 1 else 'are'} not in the table;"
            " nothing was written.",
            remedy="Look them up in the source. Then import again with --vanished keep, or with"
            " --vanished remove if the source does not show them any more.",
            acts=tuple(acts),
        )


class OurFault(ErgaOmnesError):
    """Nothing the caller did."""

    slug = "our-fault"
    title = "A fault of ours"
    remedy = "Please report this."


class ShippedFilesMissing(OurFault):
    """The ontology, data or queries are not where they should be."""

    slug = "shipped-files-missing"
    title = "The packaged files are missing"

    def __init__(self, looked_in: Sequence[str]) -> None:
        super().__init__(
            f"No ontology, data and queries folders in any of: {', '.join(looked_in)}.",
            remedy="Install the package again.",
            looked_in=tuple(looked_in),
        )


class CatalogueFault(OurFault):
    """A packaged question is not as it should be."""

    slug = "catalogue-fault"
    title = "A packaged question has a fault"

    def __init__(self, file: str, faults: Sequence[str]) -> None:
        super().__init__(f"{file}: {'; '.join(faults)}.", file=file, faults=tuple(faults))


class RuleFault(OurFault):
    """A packaged rule is not as it should be."""

    slug = "rule-fault"
    title = "A packaged rule has a fault"

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"{file}: {why}.", file=file, why=why)


class RuleCycle(RuleFault):
    """Rules that wait for one another."""

    slug = "rule-cycle"
    title = "Rules wait for one another"

    def __init__(self, names: Sequence[str]) -> None:
        ErgaOmnesError.__init__(
            self, f"The rules wait for one another: {' → '.join(names)}.", names=tuple(names)
        )


class FactsChanged(OurFault):
    """The writer would have changed a fact; it wrote nothing."""

    slug = "facts-changed"
    title = "Writing would have changed a fact"

    def __init__(self, file: str, lost: Sequence[str], added: Sequence[str]) -> None:
        super().__init__(
            f"{file}: what would be written says something else"
            f" ({len(lost)} facts lost, {len(added)} added); nothing was written.",
            file=file,
            lost=tuple(lost),
            added=tuple(added),
        )


class BuildFailed(OurFault):
    """The store could not be built."""

    slug = "build-failed"
    title = "The store could not be built"

    def __init__(self, why: str) -> None:
        super().__init__(f"The store could not be built: {why}.", why=why)
