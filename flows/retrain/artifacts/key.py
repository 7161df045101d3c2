"""Keys of Prefect artifacts: lowercase letters, digits and dashes, distinct for the problems of a server."""

import hashlib
import re


def artifact_key(problem: str, kind: str) -> str:
    """Key such as `flights-gates`. A name with other characters gets a digest, since such names could become equal."""
    slug = re.sub(r"[^a-z0-9]+", "-", problem.lower()).strip("-")
    if slug != problem:
        digest = hashlib.sha256(problem.encode()).hexdigest()[:6]
        slug = f"{slug}-{digest}" if slug else digest
    return f"{slug}-{kind}"
