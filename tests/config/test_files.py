"""Files are written completely or not at all."""

from pathlib import Path

import pytest

from mtl_core.files import pending, pending_folder, write_bytes, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_content_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.json"
    write_text(path, "é\n")
    assert path.read_bytes() == "é\n".encode()
    write_bytes(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert names(path.parent) == ["state.json"]


@pytest.mark.parametrize("crash", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("before", ["old", None])
def test_a_crash_leaves_the_old_content(tmp_path: Path, crash: type[BaseException], before: str | None) -> None:
    path = tmp_path / "state.json"
    if before:
        path.write_text(before)

    def crash_after_half() -> None:
        with pending(path) as temporary:
            temporary.write_text("half")
            assert temporary.parent == path.parent, "a rename is atomic within one folder only"
            assert temporary.name.startswith(".")
            raise crash

    with pytest.raises(crash):
        crash_after_half()
    assert names(tmp_path) == (["state.json"] if before else [])
    assert not before or path.read_text() == before


def test_the_old_content_stays_until_the_end(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text("old")
    with pending(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("crash", [RuntimeError, KeyboardInterrupt])
def test_a_folder_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path, crash: type[BaseException]) -> None:
    path = tmp_path / "data"

    def write(name: str, error: type[BaseException] | None = None) -> None:
        with pending_folder(path) as temporary:
            (temporary / name).touch()
            if error:
                raise error

    write("old")
    with pytest.raises(crash):
        write("half", crash)
    assert (names(tmp_path), names(path)) == (["data"], ["old"])
    write("new")
    assert (names(tmp_path), names(path)) == (["data"], ["new"])
