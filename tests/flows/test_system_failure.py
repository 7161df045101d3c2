"""Errors of the operating system: one line with path, cause and fix, and a separate exit code, from every command."""

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from safetensors import SafetensorError

from flows.layout import Layout
from flows.pipeline.failure import last_failure
from flows.pipeline.graph import open_repository
from flows.system_failure import system_failure
from mtl_core.errors import SystemFailure
from mtl_core.files import os_errors_with_path, pending, preallocate, write_bytes
from tests.flows.conftest import Whole, copy_of, mtl


@contextmanager
def full(size: int) -> Iterator[None]:
    """As on a full disk: no file can grow beyond that many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "x", "/a/b"), "/a/b: cannot be written.*the disk is full"),
        (OSError(errno.EDQUOT, "x", b"/a/b"), "/a/b: cannot be written.*quota"),
        (OSError(errno.EFBIG, "x"), "/here: cannot be written.*file size limit"),
        (OSError(errno.EROFS, "x", "/a/b"), "/a/b: must be .* writable.*read-only"),
        (PermissionError(errno.EACCES, "x", "/a/b"), "/a/b: must be .* writable.*no permission"),
        (OSError(errno.EMFILE, "x", "/a/b"), "too many files are open.*ulimit"),
        (OSError("1000 requested and 12 written"), "/here: cannot be written"),
        (caused(KeyError("a"), OSError(errno.ENOSPC, "x", "/a/b")), "/a/b: cannot be written"),
        (Exception("(sqlite3.OperationalError) database or disk is full"), "/here: cannot be written"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/a/b"), "/a/b: .* No such file"),
    ],
)
def test_a_system_failure_is_one_line(error: Exception, words: str) -> None:
    failure = system_failure(error, Path("/here"))
    assert failure is not None
    assert "\n" not in str(failure)
    with pytest.raises(SystemFailure, match=words):
        raise failure


@pytest.mark.parametrize("error", [KeyError("a"), caused(ValueError("a"), FileNotFoundError(errno.ENOENT, "x", "/a"))])
def test_other_errors_are_no_system_failure(error: Exception) -> None:
    assert system_failure(error) is None


def test_an_error_without_a_path_gets_one(tmp_path: Path) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    with full(10), pytest.raises(OSError, match="File too large") as caught:
        write_bytes(path, bytes(100))
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    with pytest.raises(OSError, match="No space") as caught, pending(path):
        raise SafetensorError("I/O error: No space left on device (os error 28)")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    with pytest.raises(OSError, match="full") as caught, os_errors_with_path(path):
        raise OSError(errno.ENOSPC, "full", str(other))
    assert caught.value.filename == str(other)
    assert not list(tmp_path.iterdir())


def test_blocks_of_a_mapped_file_are_allocated_before_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "mapped"
    with path.open("wb") as file:
        file.truncate(1 << 20)
    assert path.stat().st_blocks == 0
    preallocate(path)
    assert path.stat().st_blocks * 512 >= 1 << 20


def test_a_command_prints_a_system_failure_as_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tools: None
) -> None:
    from flows.pipeline import graph

    def fail(_folder: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system", "/data")

    monkeypatch.setattr(graph, "check_graph", fail)
    assert mtl(tmp_path, "check") == SystemFailure.exit_code
    assert capfd.readouterr().err.startswith("error: /data: must be readable and writable")


def test_a_failure_of_dvc_names_its_cache(tiny_problem: Path) -> None:
    from dvc.exceptions import DvcException

    with (
        pytest.raises(SystemFailure, match=rf"{tiny_problem}/\.dvc/cache.*: cannot be written"),
        open_repository(tiny_problem),
    ):
        raise DvcException("failed") from OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(scope="module")
def problem(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of(whole.folder, tmp_path_factory.mktemp("full"))


@pytest.mark.parametrize(
    ("stage", "path"),
    [
        ("validate", "validation"),
        ("prepare", "encoded"),
        ("train", "checkpoint.safetensors"),
        ("export", "model.onnx"),
    ],
)
def test_a_stage_on_a_full_disk_names_the_file_and_runs_again_later(
    problem: Path, capfd: pytest.CaptureFixture[str], stage: str, path: str
) -> None:
    with full(1_000):
        assert mtl(problem, "stage", stage) == SystemFailure.exit_code
    printed = capfd.readouterr().err
    assert f"{path}: cannot be written" in printed
    assert "Traceback" not in printed
    failure = last_failure(problem, stage)
    assert failure is not None
    assert failure.exit_code == SystemFailure.exit_code
    assert mtl(problem, "stage", stage) == 0
    assert not list(problem.rglob("*.pending"))


@pytest.mark.parametrize("obstacle", ["full", "a file"])
def test_a_retrain_that_cannot_write_is_refused_before_it_starts(
    tiny_problem: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    obstacle: str,
) -> None:
    folder = copy_of(tiny_problem, tmp_path)
    monkeypatch.setattr("flows.commands.retrain.prepare_prefect", lambda: pytest.fail("it starts"))
    if obstacle == "full":
        with full(1 << 20):
            assert mtl(folder, "retrain") == SystemFailure.exit_code
    else:
        Layout(folder).artifacts.write_bytes(b"")
        assert mtl(folder, "retrain") == SystemFailure.exit_code
    printed = capfd.readouterr().err
    assert printed.startswith(f"error: {folder}/{'.trunkline' if obstacle == 'full' else 'artifacts'}: ")
    assert printed.count("\n") == 1


def test_a_removed_working_directory_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert mtl(Path(), "check") == SystemFailure.exit_code
    assert "the working directory: must exist" in capfd.readouterr().err
