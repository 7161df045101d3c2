"""Code blocks of the documentation, and a session that runs those of a page in a folder.

A `console` block has commands after `$ `, continued after `> `, and their output; `...` stands for omitted lines. A
`text` block after a `python` block is its output. A `yaml` block is merged into the problem's params.yaml. A block
after a comment `<!-- not run: REASON -->` is not run.

    python -m tests.pages start/your-own-csv.md howto/serve.md howto/deploy.md

runs these pages in a temporary folder and prints them with the present output.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from ruamel.yaml import YAML

DOCS = Path(__file__).parents[1] / "docs"
HOME = "/home/you"
"""Folder of the session, as shown in the pages."""
BLOCK = re.compile(r"(?:<!-- not run: (?P<reason>.+?) -->\n)?```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.M | re.S)
SECONDS = 60.0


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    reason: str | None
    """Reason why it is not run, or None."""


@dataclass(frozen=True)
class Command:
    """A command of a console block, and the lines it is shown to print."""

    line: str
    shown: tuple[str, ...]


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    matches = BLOCK.finditer((DOCS / page).read_text(encoding="utf-8"))
    return [Block(match["language"], match["text"], match["reason"]) for match in matches]


def commands(text: str) -> Iterator[Command]:
    """The commands of a console block."""
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        lines = part.splitlines()
        last = next((number for number, line in enumerate(lines[1:], 1) if not line.startswith("> ")), len(lines))
        command = "\n".join([lines[0], *(line.removeprefix("> ") for line in lines[1:last])])
        yield Command(command, tuple(lines[last:]))


@dataclass
class Session:
    """Runs blocks in a folder; services that it started end with it."""

    folder: Path
    environment: Mapping[str, str]
    services: list[subprocess.Popen[str]] = field(default_factory=list)
    ports: dict[str, str] = field(default_factory=dict)
    """Port in the pages -> a free one of this machine."""

    def run(self, line: str) -> str:
        """Run a command and return its output; wait until one that ends with &, a service, is ready."""
        for port in set(re.findall(r"(?<=localhost:)\d+|(?<=--port )\d+", line)):
            line = line.replace(port, self.ports.setdefault(port, free_port()))
        if line.endswith("&"):
            self._start(line.removesuffix("&"))
            return ""
        completed = subprocess.run(["bash", "-c", line], **self._options(), timeout=600, check=False)
        assert completed.returncode == 0, f"{line}\n{completed.stdout}{completed.stderr}"
        return self._as_shown(completed.stdout)

    def run_python(self, code: str) -> str:
        """Run a program and return what it prints."""
        for port, free in self.ports.items():
            code = code.replace(f"localhost:{port}", f"localhost:{free}")
        completed = subprocess.run([sys.executable, "-c", code], **self._options(), timeout=600, check=False)
        assert completed.returncode == 0, completed.stderr
        return self._as_shown(completed.stdout)

    def edit(self, change: str, params: Path) -> None:
        """Write options over those of a params.yaml."""
        yaml = YAML()
        declared = yaml.load(params)
        for section, options in yaml.load(change).items():
            declared[section].update(options)
        yaml.dump(declared, params)

    def stop(self) -> None:
        """End the services."""
        for service in self.services:
            os.killpg(service.pid, signal.SIGINT)
        for service in self.services:
            service.wait(SECONDS)

    def _options(self) -> dict[str, Any]:
        environment = {**self.environment, "COLUMNS": "90"}
        return {"cwd": self.folder, "env": environment, "capture_output": True, "text": True}

    def _start(self, line: str) -> None:
        log = (self.folder / "service.log").open("w", encoding="utf-8")
        streams = {"stdout": log, "stderr": log, "stdin": subprocess.DEVNULL, "start_new_session": True}
        options = {name: value for name, value in self._options().items() if name != "capture_output"}
        self.services.append(subprocess.Popen(["bash", "-c", f"exec {line}"], **options, **streams))
        log.close()
        port = re.findall(r"(?<=--port )\d+", line)[0]
        end = time.monotonic() + SECONDS
        while not answers(port):
            assert time.monotonic() < end, (self.folder / "service.log").read_text(encoding="utf-8")
            time.sleep(0.1)

    def _as_shown(self, output: str) -> str:
        output = output.replace(str(self.folder), HOME)
        for port, free in self.ports.items():
            output = output.replace(f":{free}", f":{port}")
        return output


def free_port() -> str:
    """A free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def answers(port: str) -> bool:
    """True once a service is ready."""
    try:
        return httpx.get(f"http://localhost:{port}/readyz", timeout=2.0, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


@contextmanager
def session(folder: Path, environment: Mapping[str, str]) -> Iterator[Session]:
    """A session in a folder, whose services end with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    running = Session(folder.resolve(), environment)
    try:
        yield running
    finally:
        running.stop()


def steps(page: str, run: Session, params: str) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Run a page; yield the lines that it shows, the output, and the command or program.

    params: the file, below the folder, that the page's `yaml` blocks are written over.
    """
    page_blocks = blocks(page)
    for block, after in zip(page_blocks, [*page_blocks[1:], None], strict=True):
        if block.reason is not None:
            continue
        if block.language == "console":
            for command in commands(block.text):
                yield command.shown, run.run(command.line), command.line
        elif block.language == "python":
            shown = after.text.splitlines() if after and after.language == "text" else []
            yield tuple(shown), run.run_python(block.text), block.text
        elif block.language == "yaml" and "..." not in block.text:
            run.edit(block.text, run.folder / params)


def without_values(line: str) -> str:
    """A line without the parts that differ between runs and machines: numbers, versions, widths of tables."""
    line = re.sub(r"(?<=\w:)[0-9a-f]{16}", "VERSION", line)
    line = re.sub(r"-?\d+(\.\d+)?(e-?\d+)?", "0", line)
    return re.sub(r"\s+", " ", re.sub(r"[━─┏┓┗┛┳┻╇┡┩┴└┘]+", "─", line)).strip()


def missing_lines(shown: tuple[str, ...], printed: str) -> list[str]:
    """Shown lines that were not printed, in the order shown."""
    remaining = iter([without_values(line) for line in printed.splitlines()])
    lines = [line for line in shown if line.strip() and line.strip() != "..."]
    missing = []
    for line in lines:
        if without_values(line) not in remaining:
            missing.append(line)
            break
    return missing


def main(pages: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, session(Path(folder), os.environ) as run:
        for page in pages:
            print(f"# {page}\n")
            for _, printed, command in steps(page, run, "wine/params.yaml"):
                print(f"$ {command}\n{printed}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
