"""Links of a run: report, Data Docs, model version."""

import os
from pathlib import Path

from flows.layout import Layout
from flows.retrain.artifacts.markdown import code, escape
from serving.redaction import redact

ARTIFACTS_URL = "TRUNKLINE_ARTIFACTS_URL"


def links(folder: Path, version: str, version_folder: Path) -> str:
    """Markdown with the links; paths on this machine, unless TRUNKLINE_ARTIFACTS_URL names the served `artifacts/`."""
    layout, url = Layout(folder), redact(os.environ.get(ARTIFACTS_URL, "")).rstrip("/")
    pages = {"Report": layout.report, "Data Docs": layout.validation / "data_docs" / "index.html"}
    lines = [f"- {name}: {_link(path, layout.artifacts, url)}" for name, path in pages.items() if path.exists()]
    lines.append(f"- Model version: {escape(version)}, in {code(version_folder)}")
    if not url:
        lines.append(
            f"\nThe paths are on the machine of the run. Set {escape(ARTIFACTS_URL)} to the address at which a web "
            "server offers the folder artifacts/ to get links."
        )
    return "\n".join(lines)


def _link(path: Path, artifacts: Path, url: str) -> str:
    relative = path.relative_to(artifacts).as_posix()
    return f"[{escape(relative)}](<{url}/{relative}>)" if url else code(path)
