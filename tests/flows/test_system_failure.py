"""Errors of the operating system: one line with path, cause and fix from any command, and an exit code of their own."""

import errno
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from safetensors import SafetensorError

from flows.cli import main
from flows.layout import Layout
from flows.pipeline.failure import last_failure
from flows.pipeline.graph import open_repository
from flows.system_failure import system_failure
from mtl_core.errors import SystemFailure
from mtl_core.files import naming, pending, reserve, write_bytes
from tests.flows.conftest import Whole


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


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
def test_what_the_system_refuses_is_one_line(error: Exception, words: str) -> None:
    failure = system_failure(error, Path("/here"))
    assert failure is not None
    assert "\n" not in str(failure)
    with pytest.raises(SystemFailure, match=words):
        raise failure


@pytest.mark.parametrize("error", [KeyError("a"), caused(ValueError("a"), FileNotFoundError(errno.ENOENT, "x", "/a"))])
def test_a_bug_stays_a_bug(error: Exception) -> None:
    assert system_failure(error) is None


def test_an_error_gets_the_path_that_it_lacks(tmp_path: Path) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    with full(10), pytest.raises(OSError, match="File too large") as found:
        write_bytes(path, bytes(100))
    assert (found.value.errno, found.value.filename) == (errno.EFBIG, str(path))
    with pytest.raises(OSError, match="No space") as found, pending(path):
        raise SafetensorError("I/O error: No space left on device (os error 28)")
    assert (found.value.errno, found.value.filename) == (errno.ENOSPC, str(path))
    with pytest.raises(OSError, match="full") as found, naming(path):
        raise OSError(errno.ENOSPC, "full", str(other))
    assert found.value.filename == str(other)
    assert not list(tmp_path.iterdir())


def test_blocks_of_a_mapped_file_are_there_before_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "mapped"
    with path.open("wb") as file:
        file.truncate(1 << 20)
    assert path.stat().st_blocks == 0
    reserve(path)
    assert path.stat().st_blocks * 512 >= 1 << 20


def test_every_command_says_it_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tools: None
) -> None:
    from flows.pipeline import graph

    def fail(_folder: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system", "/data")

    monkeypatch.setattr(graph, "check_graph", fail)
    assert run("check", "-C", str(tmp_path)) == SystemFailure.exit_code
    assert capfd.readouterr().err.startswith("error: /data: must be readable and writable")


def test_dvc_says_where_its_cache_is(tiny_problem: Path) -> None:
    from dvc.exceptions import DvcException

    with (
        pytest.raises(SystemFailure, match=rf"{tiny_problem}/\.dvc/cache.*: cannot be written"),
        open_repository(tiny_problem),
    ):
        raise DvcException("failed") from OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(scope="module")
def problem(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("full") / "tiny"
    shutil.copytree(whole.folder, folder, symlinks=True)
    return folder


@pytest.mark.parametrize(
    ("stage", "path"),
    [
        ("validate", "validation"),
        ("prepare", "encoded"),
        ("train", "checkpoint.safetensors"),
        ("export", "model.onnx"),
    ],
)
def test_a_stage_on_a_full_disk_names_the_file_and_runs_once_there_is_room(
    problem: Path, capfd: pytest.CaptureFixture[str], stage: str, path: str
) -> None:
    with full(1_000):
        assert run("stage", stage, "-C", str(problem)) == SystemFailure.exit_code
    said = capfd.readouterr().err
    assert f"{path}: cannot be written" in said
    assert "Traceback" not in said
    kept = last_failure(problem, stage)
    assert kept is not None
    assert kept.exit_code == SystemFailure.exit_code
    assert run("stage", stage, "-C", str(problem)) == 0
    assert not list(problem.rglob("*.pending"))


@pytest.mark.parametrize("obstacle", ["full", "a file"])
def test_a_retrain_that_could_not_write_ends_before_it_starts(
    tiny_problem: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    obstacle: str,
) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(tiny_problem, folder, symlinks=True)
    monkeypatch.setattr("flows.commands.retrain.prepare_prefect", lambda: pytest.fail("it starts"))
    if obstacle == "full":
        with full(1 << 20):
            assert run("retrain", "-C", str(folder)) == SystemFailure.exit_code
    else:
        Layout(folder).artifacts.write_bytes(b"")
        assert run("retrain", "-C", str(folder)) == SystemFailure.exit_code
    said = capfd.readouterr().err
    assert said.startswith(f"error: {folder}/{'.trunkline' if obstacle == 'full' else 'artifacts'}: ")
    assert said.count("\n") == 1


def test_a_removed_working_directory_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert run("check") == SystemFailure.exit_code
    assert "the working directory: must exist" in capfd.readouterr().err
