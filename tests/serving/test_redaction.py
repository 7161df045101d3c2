"""Secrets in messages: credentials in URLs and values of secret variables are replaced, other text is not."""

import pytest

from serving.redaction import redact

ENVIRONMENT = {
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG",
    "PREFECT_API_AUTH_STRING": "admin:pass word",
    "PREFECT_API_KEY": "pnu_123456",
    "SHORT_TOKEN": "a",
    "HOME": "/home/user",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://user:password@host:4200/api?x=1", "http://***@host:4200/api?x=1"),
        ("postgresql+asyncpg://me:p@ss@db/prefect", "postgresql+asyncpg://***@db/prefect"),
        ("from http://a:b@x/ to http://c@y/", "from http://***@x/ to http://***@y/"),
        ("'http://:secret@host'", "'http://***@host'"),
        ("https://host/f?X-Amz-Signature=ab12&X-Amz-Date=1", "https://host/f?X-Amz-Signature=***&X-Amz-Date=1"),
        ("key wJalrXUtnFEMI/K7MDENG is wrong", "key *** is wrong"),
        ("admin:pass word, pnu_123456", "***, ***"),
        ("mail me@host.org, http://host/a@b, /home/user, a", "mail me@host.org, http://host/a@b, /home/user, a"),
        ("s3://bucket/prefix", "s3://bucket/prefix"),
        ("", ""),
    ],
)
def test_secrets_are_replaced_and_other_text_is_not(text: str, expected: str) -> None:
    assert redact(text, ENVIRONMENT) == expected
    assert redact(expected, ENVIRONMENT) == expected
