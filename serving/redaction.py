"""Redaction of secrets in messages and logs: credentials in URLs, and the values of secret environment variables."""

import os
import re
from collections.abc import Mapping

REDACTED = "***"
MIN_LENGTH = 6
"""Shorter values of secret variables are not searched for: they would match ordinary text."""

_URL = re.compile(r"(?<=://)[^\s/?#'\"<>]+(?=@)")
"""User and password of a URL, up to the last `@` before the path."""
_PARAMETER = re.compile(
    r"(?i)\b(x-amz-(?:signature|credential|security-token)|access_token|api_key|password|secret)=[^\s&'\"]+"
)
_SECRET_NAME = re.compile(r"SECRET|PASSWORD|TOKEN|AUTH_STRING|API_KEY|ACCESS_KEY|CONNECTION_URL|CREDENTIAL")


def redact(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """The text with `***` in place of secrets.

    Secrets are user and password of a URL, signed parameters of a URL, and the values of environment variables whose
    names say that they are secret, such as AWS_SECRET_ACCESS_KEY and PREFECT_API_AUTH_STRING.
    """
    for name, value in environment.items():
        if len(value) >= MIN_LENGTH and value in text and _SECRET_NAME.search(name.upper()):
            text = text.replace(value, REDACTED)
    text = _URL.sub(REDACTED, text)
    return _PARAMETER.sub(rf"\1={REDACTED}", text)
