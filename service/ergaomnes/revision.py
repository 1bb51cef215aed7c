"""The process that works out changes: what each adds and removes, whether it may, what follows.

`curation.py` starts it. It loads what stands once, and forks for each change; the fork judges the
graph as it would be, runs the rules where it differs and makes the new store. What a curator sent
is read and evaluated in a fork of that one, without any way out and with limits. Nothing counts
until the other side has written the record; then the difference is taken over here, and the next
change begins from it.
"""

import contextlib
import gc
import hashlib
import json
import math
import os
import re
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from ergaomnes import media
from ergaomnes.build import Built, Difference, build_upon, current, published
from ergaomnes.contribution import Packaged, lines
from ergaomnes.errors import (
    BadRequest,
    ChangeCrashed,
    ChangeRejected,
    ChangeTimeout,
    ChangeTooLarge,
    ChangeUndone,
    ContributionConflict,
    ErgaOmnesError,
    GraphClosed,
    QuerySyntax,
    SubmissionSyntax,
    UnknownGraph,
    rebuilt,
    told,
)
from ergaomnes.guard import guarded_update
from ergaomnes.judgement import Judgement, Located
from ergaomnes.ledger import AFRESH, Change, Ledger, chain_of, graph_of, read_ledger
from ergaomnes.patch import Patch
from ergaomnes.reader import close_the_ways_out, frame, read_frame
from ergaomnes.report import Report, Severity
from ergaomnes.settings import Settings
from ergaomnes.shipped import Shipped
from ergaomnes.submission import format_named
from ergaomnes.terms import Prefixes, read_prefixes

_OPEN = "graph:data/"
_FORMATS = {
    media.TURTLE: ox.RdfFormat.TURTLE,
    media.TRIG: ox.RdfFormat.TRIG,
    media.N_TRIPLES: ox.RdfFormat.N_TRIPLES,
    media.N_QUADS: ox.RdfFormat.N_QUADS,
    media.JSON_LD: ox.RdfFormat.JSON_LD,
    media.RDF_XML: ox.RdfFormat.RDF_XML,
}
_DOCUMENT_TYPE = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
_WHERE_AT = re.compile(r"^Parser error (?:at|between) line[^:]*: |\s*\(line \d+\)$")

Lines = frozenset[str]


class Revision:
    """The graph as it stands, to be changed once."""

    def __init__(self, settings: Settings, base: Built, files: Shipped, packaged: Packaged) -> None:
        self.settings = settings
        self.base = base
        self.files = files
        self.packaged = packaged
        self.prefixes = packaged.prefixes
        self.background = packaged.background
        self.store = self.background.store

    def made(self, asked: Mapping[str, Any], body: bytes) -> Change | None:
        """Work out a change and make its store; nothing when all stays as it is."""
        if asked["kind"] == AFRESH:
            self._make(read_ledger(self.settings), Patch(), Patch(), {})
            return None
        added, removed = self.difference(asked, body)
        if not added and not removed:
            return None
        self.check(added | removed)
        judged, following = self.packaged.judge_change(_quads(added), _quads(removed))
        report = _json(judged, self.prefixes)
        if not judged.conforms:
            raise ChangeRejected(judged.count(Severity.VIOLATION), report)
        ledger = read_ledger(self.settings)
        change = Change(
            number=len(ledger.records) + 1,
            time=asked["time"],
            author=asked["author"],
            contributor=asked["contributor"],
            token=asked["token"],
            reason=asked["reason"],
            source=asked["source"],
            licence=asked["licence"],
            base=self.base.key,
            report=hashlib.sha256(json.dumps(report, sort_keys=True).encode()).hexdigest(),
            warnings=_count(report, "warning"),
            undoes=asked["undo"],
            contribution=asked["contribution"],
            added=tuple(sorted(added)),
            removed=tuple(sorted(removed)),
            previous=ledger.head,
        )
        follows = Patch.of(lines(following.new), lines(following.gone))
        with_it = ledger.with_(change, change.record(chain_of(self.settings)))
        self._make(with_it, change.patch, follows, following.rules)
        return change

    def _make(
        self, ledger: Ledger, stated: Patch, follows: Patch, rules: Mapping[str, int]
    ) -> None:
        build_upon(
            self.settings,
            self.base,
            changes=ledger,
            difference=Difference(
                added=frozenset((*stated.added, *follows.added)),
                removed=frozenset((*stated.removed, *follows.removed)),
                rules=rules,
                stated=len(stated.added) - len(stated.removed),
                derived=len(follows.added) - len(follows.removed),
            ),
            answered=self._whole,
            files=self.files,
        )

    def difference(self, asked: Mapping[str, Any], body: bytes) -> tuple[Lines, Lines]:
        """Find what is added and what is removed, in a process that may die of it.

        What the ledger or a dossier holds was read before, and is only looked up.
        """
        if asked["kind"] in _OWN:
            patch = _OWN[asked["kind"]](self, asked, body)
            return frozenset(patch.added), frozenset(patch.removed)
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if not pid:
            ours.close()
            with contextlib.suppress(BaseException):
                self._evaluate(asked, body, theirs)
            os._exit(0)
        theirs.close()
        try:
            head, lines = self._heard(ours)
        finally:
            ours.close()
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        if "raised" in head:
            raise rebuilt(head)
        found = lines.decode().split("\n")[:-1]
        return frozenset(found[: head["added"]]), frozenset(found[head["added"] :])

    def _heard(self, ours: socket.socket) -> tuple[dict[str, Any], bytes]:
        ready, _, _ = select.select([ours], [], [], self.settings.time_limit)
        if not ready:
            raise ChangeTimeout(self.settings.time_limit)
        try:
            return read_frame(ours.makefile("rb"))
        except (EOFError, OSError):
            raise ChangeCrashed(self.settings.memory_limit) from None

    def _evaluate(self, asked: Mapping[str, Any], body: bytes, teller: socket.socket) -> None:
        """Tell the difference; this is the fork, and all of it may go wrong."""
        self._show_shapes()
        before = _dumped(self.store)
        seconds = math.ceil(time.process_time() + self.settings.time_limit)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))  # should nobody be left to kill
        close_the_ways_out(self.settings.memory_limit)
        try:
            added, removed = Evaluation(self, asked).difference(before, body)
        except ErgaOmnesError as error:
            teller.sendall(frame(told(error)))
            return
        lines = b"".join(line + b"\n" for line in (*added, *removed))
        teller.sendall(frame({"added": len(added)}, lines))

    def _show_shapes(self) -> None:
        """Put back what the background leaves out: whoever asks may ask of it."""
        shapes = f" <{self.prefixes.iri('graph:ontology/shapes/')}".encode()
        lines = self.base.dump.read_bytes().split(b"\n")
        found = b"\n".join(line for line in lines if shapes in line)
        self.store.bulk_load(found, format=ox.RdfFormat.N_QUADS)

    def _whole(self) -> ox.Store:
        self._show_shapes()
        return self.store

    def check(self, lines: Iterable[str]) -> None:
        """Refuse what nobody writes by hand."""
        found = list(lines)
        if len(found) > self.settings.change_limit:
            raise ChangeTooLarge(len(found), self.settings.change_limit)
        open_graphs = self.prefixes.iri(_OPEN)
        for graph in sorted({graph_of(line) for line in found}):
            if not graph.startswith(open_graphs) or graph == open_graphs:
                raise GraphClosed(graph, open_graphs)
        for quad in _quads(found):
            if isinstance(quad.object, ox.Triple) or isinstance(quad.subject, ox.Triple):
                raise BadRequest("Triple terms (RDF 1.2) are not used here.")
            if ox.BlankNode in (type(quad.subject), type(quad.object)):
                raise BadRequest(
                    "The change holds blank nodes, which nobody can cite or change again.",
                    remedy="Give each thing a name.",
                )


def _undone(revision: Revision, _: Mapping[str, Any], body: bytes) -> Patch:
    """Take a change back, where what it left is still there."""
    change = Change.read(body)
    store = revision.store
    changed = [quad for quad in _quads(change.added) if quad not in store]
    changed += [quad for quad in _quads(change.removed) if quad in store]
    if changed:
        raise ChangeUndone(change.number, len(changed))
    return change.patch.turned


def _proposed(revision: Revision, asked: Mapping[str, Any], body: bytes) -> Patch:
    """Do what a contribution proposes, where the graph is still as it was then."""
    patch, store = Patch.read(body), revision.store
    derived = ox.NamedNode(revision.prefixes.iri("graph:derived"))
    taken, given = _quads(patch.removed), _quads(patch.added)

    def standing(quad: ox.Quad, target: bool) -> Iterator[ox.Quad]:
        pattern = (quad.subject, quad.predicate, quad.object if target else None)
        return (one for one in store.quads_for_pattern(*pattern) if one.graph_name != derived)

    missing = [quad for quad in taken if quad not in store]
    present = [one for quad in given for one in standing(quad, target=True) if one not in taken]
    if missing or present:
        both = {one for quad in (*missing, *present) for one in standing(quad, target=False)}
        raise ContributionConflict(
            asked["contribution"],
            missing=sorted(lines(missing)),
            present=sorted(lines(present)),
            standing=sorted(lines(both)),
        )
    return patch


_OWN: Mapping[str, Callable[[Revision, Mapping[str, Any], bytes], Patch]] = {
    "patch": _proposed,
    "undo": _undone,
}


class Evaluation:
    """One request of a curator, evaluated on a store that is thrown away afterwards."""

    def __init__(self, revision: Revision, asked: Mapping[str, Any]) -> None:
        self.store = revision.store
        self.settings = revision.settings
        self.open_graphs = revision.prefixes.iri(_OPEN)
        self.asked = asked

    def difference(
        self, before: set[bytes], body: bytes
    ) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        """Do what is asked, and give the lines that are there now and were not, and those gone."""
        getattr(self, f"_{self.asked['kind']}")(body)
        after = _dumped(self.store)
        added, removed = after - before, before - after
        if len(added) + len(removed) > self.settings.change_limit:
            raise ChangeTooLarge(len(added) + len(removed), self.settings.change_limit)
        return tuple(added), tuple(removed)

    def _update(self, body: bytes) -> None:
        graphs = [
            graph.value for graph in self.store.named_graphs() if isinstance(graph, ox.NamedNode)
        ]
        default, named = self.asked["default"], self.asked["named"]
        given = bool(default or named)
        text = guarded_update(
            body.decode(),
            length_limit=self.settings.submission_limit,
            depth_limit=self.settings.depth_limit,
            default_graphs=default if given else sorted(graphs),
            named_graphs=named if given else sorted(graphs),
            given=given,
        )
        try:
            self.store.update(text)
        except SyntaxError as error:
            raise QuerySyntax(str(error.msg)) from None
        except MemoryError:
            raise ChangeCrashed(self.settings.memory_limit) from None
        except (OSError, RuntimeError, ValueError) as error:
            raise BadRequest(f"The update cannot be carried out: {error}") from None

    def _put(self, body: bytes) -> None:
        graph = self._graph()
        found = self._read(body, graph)
        self.store.remove_graph(graph)
        self.store.extend(found)

    def _post(self, body: bytes) -> None:
        self.store.extend(self._read(body, self._graph()))

    def _delete(self, _: bytes) -> None:
        graph = self._graph()
        if next(self.store.quads_for_pattern(None, None, None, graph), None) is None:
            raise UnknownGraph(graph.value)
        self.store.remove_graph(graph)

    def _graph(self) -> ox.NamedNode:
        name = self.asked["graph"]
        if not name.startswith(self.open_graphs) or name == self.open_graphs:
            raise GraphClosed(name, self.open_graphs)
        try:
            return ox.NamedNode(name)
        except ValueError:
            raise BadRequest(f"“{name[:100]}” is not the IRI of a graph.") from None

    def _read(self, body: bytes, graph: ox.NamedNode) -> list[ox.Quad]:
        kind = format_named(self.asked["media_type"])
        if kind == media.RDF_XML and _DOCUMENT_TYPE.search(body):
            why = "a document type declaration is not read: write names in full"
            raise SubmissionSyntax("body", None, None, why)
        try:
            found = list(ox.parse(body, format=_FORMATS[kind], base_iri=graph.value))
        except SyntaxError as error:
            why = _WHERE_AT.sub("", str(error.msg)).strip()
            raise SubmissionSyntax("body", error.lineno, error.offset, why) from None
        except ValueError as error:
            raise SubmissionSyntax("body", None, None, str(error)) from None
        for quad in found:
            if quad.graph_name not in (graph, ox.DefaultGraph()):
                raise BadRequest(f"The body names {quad.graph_name}, and not only <{graph.value}>.")
        return [ox.Quad(q.subject, q.predicate, q.object, graph) for q in found]


def _json(report: Report, prefixes: Prefixes) -> dict[str, object]:
    located = tuple(Located(one, "graph", None) for one in report.findings)
    return Judgement(report, located).as_json(prefixes, "en")


def _count(report: Mapping[str, object], severity: str) -> int:
    counts = report["counts"]
    assert isinstance(counts, Mapping)  # noqa: S101 - as it was written above
    return int(counts[severity])


def _dumped(store: ox.Store) -> set[bytes]:
    text = store.dump(format=ox.RdfFormat.N_QUADS) or b""
    return set(text.split(b"\n"))


def _quads(lines: Iterable[str]) -> frozenset[ox.Quad]:
    return frozenset(ox.parse("\n".join(lines), format=ox.RdfFormat.N_QUADS))


class Workshop:
    """What stands, loaded once, and the changes that are worked out on it one after another."""

    def __init__(self, settings: Settings, files: Shipped) -> None:
        self.settings = settings
        self.files = files
        self.base = current(settings, files)
        self.packaged = self._loaded()

    def reply(self, asked: Mapping[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """Work out one change in a fork, and tell what came of it."""
        limits = {name: asked["limits"][name] for name in asked["limits"]}
        settings = Settings(data_dir=self.settings.data_dir, **limits)
        self._catch_up()
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if not pid:
            ours.close()
            with contextlib.suppress(BaseException):
                theirs.sendall(frame(*self._worked_out(settings, asked, body)))
            os._exit(0)
        theirs.close()
        try:
            with ours, ours.makefile("rb") as stream:
                said, content = read_frame(stream)
        except EOFError:
            return told(ChangeCrashed(settings.memory_limit)), b""
        finally:
            os.waitpid(pid, 0)
        return said, content

    def _worked_out(
        self, settings: Settings, asked: Mapping[str, Any], body: bytes
    ) -> tuple[dict[str, Any], bytes]:
        try:
            change = Revision(settings, self.base, self.files, self.packaged).made(asked, body)
        except ErgaOmnesError as error:
            return told(error), b""
        if change is None:
            return {"change": None}, b""
        return {"change": change.number}, change.written()

    def _catch_up(self) -> None:
        """Stand on the generation that is published: by what sets it apart, where that is known."""
        now = published(self.settings) or current(self.settings, self.files)
        if now.key == self.base.key:
            return
        delta, self.base = now.apart_from(self.base), now
        if delta is not None:
            self.packaged.take_over(_quads(delta.added), _quads(delta.removed))
        else:
            self.packaged = self._loaded()

    def _loaded(self) -> Packaged:
        packaged = Packaged(self.base.dump, self.files, read_prefixes(self.files.prefixes))
        # What the validator loads on first use is loaded before anything is forked.
        packaged.propose([])
        return packaged


def main(data_dir: str, root: str) -> None:
    """Work out the changes that come over the standard input, and tell what came of each."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = sys.stdout.buffer
    try:
        workshop = Workshop(Settings(data_dir=Path(data_dir)), Shipped(Path(root)))
    except ErgaOmnesError as error:
        out.write(frame(told(error)))
        out.flush()
        return
    gc.collect()
    gc.freeze()  # so that a fork does not copy what it only looks at
    out.write(frame({"ready": True}))
    out.flush()
    while True:
        try:
            asked, body = read_frame(sys.stdin.buffer)
        except EOFError:
            return
        try:
            said, content = workshop.reply(asked, body)
        except ErgaOmnesError as error:
            said, content = told(error), b""
        out.write(frame(said, content))
        out.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
