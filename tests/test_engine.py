from ergaomnes.engine import Blank, Iri, Literal, Table, Triples, Truth


def test_a_table_is_read_by_row_and_by_column() -> None:
    table = Table(("state", "day"), ((Iri("e:a"), None), (Iri("e:b"), Literal("x"))))
    assert len(table) == 2
    assert [row["day"] for row in table] == [None, Literal("x")]
    assert table.column("state") == (Iri("e:a"), Iri("e:b"))


def test_literals_that_differ_only_in_form_are_not_equal() -> None:
    assert Literal("7", Literal.INTEGER) != Literal("007", Literal.INTEGER)
    assert Literal("x") != Literal("x", Literal.LANG_STRING, "en")


def test_a_truth_reads_as_one() -> None:
    assert Truth(True)
    assert not Truth(False)


def test_terms_are_shown_as_people_write_them() -> None:
    assert [str(term) for term in (Iri("e:a"), Blank("b1"), Literal("x"))] == ["e:a", "_:b1", "x"]
    assert len(Triples(())) == 0
