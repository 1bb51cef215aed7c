from pathlib import Path

import pytest

from ergaomnes.errors import ShippedFilesMissing
from ergaomnes.shipped import FOLDERS, Shipped, shipped


def folders(root: Path) -> Path:
    for name in FOLDERS:
        (root / name).mkdir(parents=True)
    return root


def test_the_packaged_folders_are_found() -> None:
    assert shipped().prefixes.is_file()


def test_files_inside_the_package_win_over_those_of_the_clone(tmp_path: Path) -> None:
    inside, clone = folders(tmp_path / "package/_shipped"), folders(tmp_path / "clone")
    assert shipped([inside, clone]).root == inside
    assert shipped([tmp_path / "nowhere", clone]).root == clone


def test_a_place_without_one_of_the_folders_does_not_count(tmp_path: Path) -> None:
    half = folders(tmp_path / "half")
    (half / "queries").rmdir()
    with pytest.raises(ShippedFilesMissing, match="half"):
        shipped([half])


def test_files_come_in_the_order_of_their_names_the_ontology_first(tmp_path: Path) -> None:
    root = folders(tmp_path)
    for name in ("data/b.ttl", "data/a/c.ttl", "ontology/z.ttl", "data/.hidden.ttl", "data/n.md"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
    files = Shipped(root)
    assert [files.name_of(file) for file in files.turtle_files()] == [
        "ontology/z",
        "data/a/c",
        "data/b",
    ]
