"""Section `store`: limits of the number and age of versions."""

from datetime import timedelta
from typing import Any

import pytest

from mtl_core.config import StoreOptions, parse_problem
from mtl_core.errors import ProblemError
from tests.config.orders import BASE


@pytest.mark.parametrize(
    ("section", "keep", "age"),
    [
        ({}, None, None),
        ({"keep": 20, "max_age": "365 days"}, 20, timedelta(days=365)),
        ({"keep": None, "max_age": "2 weeks"}, None, timedelta(days=14)),
    ],
)
def test_each_limit_is_optional(section: dict[str, Any], keep: int | None, age: timedelta | None) -> None:
    store = parse_problem(BASE | {"store": section}).store
    assert (store.keep, store.age_limit) == (keep, age)


def test_no_result_depends_on_the_section() -> None:
    declared = parse_problem(BASE | {"store": {"keep": 1}})
    assert declared.model_dump() == parse_problem(BASE).model_dump()
    assert parse_problem(BASE).store == StoreOptions()


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"keep": 0}, "store.keep: .*found 0"),
        ({"keep": True}, "store.keep: must be a whole number, found true"),
        ({"max_age": 90}, "store.max_age: must be a number and a unit"),
        ({"max_age": "0 days"}, "store.max_age: must be a whole number of"),
        ({"max_age": "soon"}, "store.max_age: must be a whole number of"),
        ({"max_versions": 3}, "store.max_versions: unknown key"),
    ],
)
def test_an_invalid_limit_is_refused(section: dict[str, Any], words: str) -> None:
    with pytest.raises(ProblemError, match=words):
        parse_problem(BASE | {"store": section})
