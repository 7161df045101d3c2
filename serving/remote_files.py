"""Files of a remote store at a URL that fsspec opens, such as `s3://bucket/prefix`, with errors that name the fix."""

import contextlib
import re
from collections.abc import Iterator

from serving.errors import RemoteError
from serving.redaction import redact

REMOTE_VARIABLE = "TRUNKLINE_STORE_REMOTE"

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
"""Names of remote files that may become local ones."""


class RemoteFiles:
    """Whole files at paths below a URL. Every method raises RemoteError if the remote cannot be used."""

    def __init__(self, url: str) -> None:
        self.url = redact(url.rstrip("/"))
        """The URL without its password, for messages."""
        try:
            import fsspec  # type: ignore[import-untyped]  # it ships no types

            # Without caches: other machines change the remote.
            options = {"use_listings_cache": False, "skip_instance_cache": True}
            self._files, self._root = fsspec.core.url_to_fs(url.rstrip("/"), **options)
        except (ImportError, ValueError) as error:
            raise RemoteError(
                f"{REMOTE_VARIABLE}: must be a URL that fsspec opens, such as s3://bucket/prefix, found "
                f"{self.url!r}: {redact(str(error))}; for S3 install the extra `s3`: pip install 'trunkline[s3]'"
            ) from error

    def read(self, path: str) -> bytes | None:
        """Content of a file; None if it does not exist."""
        with self._errors("readable"):
            try:
                content: bytes = self._files.cat_file(f"{self._root}/{path}")
            except FileNotFoundError as error:
                if _is_about_bucket(error):
                    raise
                return None
            return content

    def write(self, path: str, content: bytes) -> None:
        """Replace a file; object stores do it in one step."""
        with self._errors("writable"):
            self._files.makedirs(f"{self._root}/{path}".rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(f"{self._root}/{path}", content)

    def names(self, path: str) -> list[str]:
        """Names of the files in a folder, without those that a local file may not have."""
        with self._errors("readable"):
            names = [file.rpartition("/")[2] for file in self._files.find(f"{self._root}/{path}", maxdepth=1)]
        return sorted(name for name in names if is_file_name(name))

    @contextlib.contextmanager
    def _errors(self, rule: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # every file system of fsspec has exceptions of its own
            if isinstance(error, FileNotFoundError):
                fix = f"create the bucket, or correct {REMOTE_VARIABLE}"
            elif isinstance(error, PermissionError) or "Credentials" in type(error).__name__:
                fix = (
                    "check the credentials, for S3 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or ~/.aws/credentials, "
                    "and their permissions"
                )
            else:
                fix = "check the address, for S3 AWS_ENDPOINT_URL, and the network"
            found = redact(str(error) or repr(error))
            raise RemoteError(f"{self.url}: must be {rule}, found {found}; {fix}") from error


def is_file_name(name: str) -> bool:
    """True for a plain name, which does not start with a dot."""
    return _FILE_NAME.fullmatch(name) is not None


def _is_about_bucket(error: FileNotFoundError) -> bool:
    return "bucket does not exist" in str(error)
