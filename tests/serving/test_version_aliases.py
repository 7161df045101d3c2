"""Names of versions: aliases by role, parts of a tag, unique prefixes."""

import pytest

from serving.aliases import ALIASES, resolve
from serving.champion import champion_file, write_atomically
from serving.errors import DamagedError, NoVersionError
from serving.store import Store
from tests.serving.example_models import Export, save


@pytest.fixture
def tags(store: Store, export: Export) -> list[str]:
    """Three versions, oldest first."""
    return [save(store, export(bias=float(bias))) for bias in range(3)]


def test_aliases_follow_the_promotions(store: Store, tags: list[str]) -> None:
    first, second, third = tags
    store.promote(first)
    store.promote(second)
    assert [resolve(store, "flights", alias) for alias in ALIASES] == [second, first, third]
    store.promote(first)  # a rollback
    assert [resolve(store, "flights", alias) for alias in ALIASES] == [first, second, third]
    store.promote(third)
    assert [resolve(store, "flights", f"flights:{alias}") for alias in ALIASES] == [third, first, second]


@pytest.mark.parametrize(
    ("alias", "hint"), [("champion", "mtl retrain"), ("previous", "never replaced"), ("challenger", "mtl retrain")]
)
def test_an_alias_without_a_version_is_an_error(store: Store, alias: str, hint: str) -> None:
    with pytest.raises(NoVersionError, match=f"no {alias}.*{hint}"):
        resolve(store, "flights", alias)


def test_a_first_champion_has_no_previous_one(store: Store, tags: list[str]) -> None:
    store.promote(tags[0])
    with pytest.raises(NoVersionError, match="no previous"):
        resolve(store, "flights", "previous")


def test_a_previous_version_without_a_folder_is_named(store: Store, tags: list[str]) -> None:
    for tag in tags[:2]:
        store.promote(tag)
    store.path(tags[0]).rename(store.home / "elsewhere")
    with pytest.raises(NoVersionError, match=f"previous of model 'flights' is {tags[0]}, which is no longer"):
        resolve(store, "flights", "previous")


def test_a_version_is_named_by_its_tag_or_unique_digits(store: Store, tags: list[str]) -> None:
    for tag in tags:
        digits = tag.partition(":")[2]
        assert {resolve(store, "flights", name) for name in (tag, digits, digits[:8], f"flights:{digits[:8]}")} == {tag}
    assert resolve(store, "census", tags[0]) == tags[0]


@pytest.mark.parametrize("name", ["", ":", "fff", "0000", "latest", "census:champion", "*", "../flights"])
def test_an_unknown_name_is_an_error(store: Store, tags: list[str], name: str) -> None:
    with pytest.raises(NoVersionError):
        resolve(store, "flights", name)


def test_ambiguous_digits_are_an_error(store: Store, tags: list[str]) -> None:
    for digits in ("abcd01", "abcd02"):
        folder = store.home / "models" / "flights" / digits
        folder.mkdir()
        (folder / "model.yaml").touch()
    with pytest.raises(NoVersionError, match="must be unique, found 2"):
        resolve(store, "flights", "abcd")


def test_a_broken_pointer_is_an_error(store: Store, tags: list[str]) -> None:
    write_atomically(champion_file(store.home, "flights"), b'{"champion": "flights:')
    for alias in ALIASES:
        with pytest.raises(DamagedError, match="promote a version again"):
            resolve(store, "flights", alias)
    assert resolve(store, "flights", tags[0]) == tags[0]
