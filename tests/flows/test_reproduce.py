"""`mtl reproduce`: a version trained again from its provenance in a clone, and everything that can be missing."""

import json
from pathlib import Path

import pytest

from tests.flows.conftest import Whole, mtl


def test_a_version_is_reproduced_to_the_byte(whole: Whole, copied: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert mtl(copied, "reproduce", "champion", "--json") == 0
    printed = json.loads(capfd.readouterr().out)
    assert (printed["identical"], printed["reproduced"], printed["environment"]) == (True, True, [])
