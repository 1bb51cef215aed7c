import inspect
import pickle
import re

import pytest

from ergaomnes import errors
from ergaomnes.errors import ErgaOmnesError, did_you_mean, near

CLASSES = [
    item
    for _, item in inspect.getmembers(errors, inspect.isclass)
    if issubclass(item, ErgaOmnesError)
]
SAMPLES = [
    errors.UnknownQuestion("who-could-inspct", ("who-could-inspect",)),
    errors.BadParameter("day", "tomorrow", "a day is written YYYY-MM-DD"),
    errors.BadRequest("there is nothing to do"),
    errors.UnsupportedMediaType("text/ttl", ["text/turtle"]),
    errors.NotAcceptable(["text/csv"]),
    errors.AnswerUnwritable("XML"),
    errors.Busy(2),
    errors.QueryMemory(512 * 2**20),
    errors.TurtleSyntax("a.ttl", 3, 7, "a dot is missing"),
    errors.CommentsInTurtle("a.ttl", [1, 4]),
    errors.RuleCycle(["a", "b", "a"]),
    errors.FactsChanged("a.ttl", ["x"], []),
]


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")
    defined = {kind.__name__ for kind in CLASSES} - {"ErgaOmnesError"}
    assert sorted(drawn) == sorted(defined)


def test_each_error_stands_under_the_parent_it_is_drawn_under() -> None:
    parents: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"([│├└─ ]*)(\w+)(?: +\d+)?$", line)
        if not found or not hasattr(errors, found[2]):
            continue
        depth = len(found[1]) // 4
        parents = [*parents[:depth], found[2]]
        expected = parents[-2] if depth else "Exception"
        assert getattr(errors, found[2]).__bases__[0].__name__ == expected


def test_no_two_errors_share_a_problem_type() -> None:
    slugs = [kind.slug for kind in CLASSES]
    assert len(set(slugs)) == len(slugs)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_each_error_has_a_title_a_status_and_a_kebab_case_slug(kind: type[ErgaOmnesError]) -> None:
    assert kind.title
    assert 400 <= kind.status < 600
    assert 1 <= kind.exit_status <= 5
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.slug)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_fault_of_ours_is_never_the_callers(kind: type[ErgaOmnesError]) -> None:
    if issubclass(kind, errors.OurFault):
        assert kind.status >= 500
        assert kind.exit_status == errors.EXIT_OURS


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_the_way_between_processes(error: ErgaOmnesError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), again.detail, again.remedy, again.data, again.headers) == (
        str(error),
        error.detail,
        error.remedy,
        error.data,
        error.headers,
    )


def test_the_detail_is_what_the_error_says() -> None:
    error = errors.QueryTimeout(2.5)
    assert str(error) == error.detail == "The query was stopped after 2.5 s."
    assert error.data == {"seconds": 2.5}


def test_busy_says_when_to_come_back() -> None:
    assert errors.Busy(3).headers == {"Retry-After": "3"}


def test_near_names_come_nearest_first_and_ignore_case() -> None:
    names = ["who-could-inspect", "who-did-inspect", "timeline"]
    assert near("Who-Could-Inspct", names) == ("who-could-inspect", "who-did-inspect")
    assert near("inspect", names)[:2] == ("who-did-inspect", "who-could-inspect")
    assert near("zzz", names) == ()


def test_names_are_offered_in_a_sentence() -> None:
    assert did_you_mean(()) == ""
    assert did_you_mean(("a",)) == "Did you mean a?"
    assert did_you_mean(("a", "b", "c")) == "Did you mean a, b or c?"
