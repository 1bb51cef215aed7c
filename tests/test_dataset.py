"""The description of the dataset: complete, and in step with its changelog and the licence."""

import re
from pathlib import Path

from rdflib import Graph, Namespace, URIRef
from rdflib.namespace import DCTERMS, RDF
from rdflib.term import Literal

ROOT = Path(__file__).parent.parent
DATASET = URIRef("https://w3id.org/ergaomnes/id/dataset")
DCAT = Namespace("http://www.w3.org/ns/dcat#")
CC0 = URIRef("https://creativecommons.org/publicdomain/zero/1.0/")


def described() -> Graph:
    return Graph().parse(ROOT / "data" / "dataset.ttl", format="turtle")


def test_the_dataset_and_its_distributions_are_told_in_three_languages_under_cc0() -> None:
    graph = described()
    distributions = list(graph.objects(DATASET, DCAT.distribution))
    assert set(distributions) == set(graph.subjects(RDF.type, DCAT.Distribution))
    for subject in [DATASET, *distributions]:
        for predicate in (DCTERMS.title, DCTERMS.description):
            texts = [o for o in graph.objects(subject, predicate) if isinstance(o, Literal)]
            assert sorted(str(text.language) for text in texts) == ["en", "fr", "ru"], subject
        assert list(graph.objects(subject, DCTERMS.license)) == [CC0], subject


def test_the_version_of_the_dataset_is_the_newest_heading_of_its_changelog() -> None:
    [version] = described().objects(DATASET, DCAT.version)
    headings = re.findall(r"^## (.+)$", (ROOT / "data" / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert str(version) == headings[0]


def test_the_licence_file_names_both_licences_and_holds_their_texts() -> None:
    text = (ROOT / "LICENSE").read_text()
    top = text[:1800]
    assert "Apache-2.0" in top
    assert "CC0-1.0" in top
    assert str(CC0) in top
    assert "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION" in text
    assert "Statement of Purpose" in text
