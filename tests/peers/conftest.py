"""A pinflow node as its users run it: the real binary, on a temporary folder, driven from outside."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import requests

EVENTS = 400


class Pinflow:
    """The binary on one data folder."""

    def __init__(self, data: Path):
        self.data = data
        self.binary = os.environ["PINFLOW_TEST_BIN"]

    def run(self, *arguments: str) -> str:
        """Runs a command to its end; what it prints on stdout. A failure fails the test with all that it said."""
        done = subprocess.run([self.binary, *arguments, "--data", str(self.data)], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def rows(self, sql: str, lane: str = "batch") -> list[dict]:
        return json.loads(self.run("query", sql, "--format", "json", "--lane", lane))

    def table(self, schema: str, name: str) -> str:
        return str(self.data / "tables" / schema / name)


class Node(Pinflow):
    """A node that serves, on a free port. It must not panic, and must end well."""

    def __enter__(self):
        command = [self.binary, "serve", "--port", "0", "--data", str(self.data)]
        self.stderr = self.data.with_suffix(".stderr")
        with self.stderr.open("w") as stderr:
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr)
        deadline = time.monotonic() + 60
        while not (self.data / "node.json").exists():
            assert self.process.poll() is None, f"serve ended with {self.process.returncode}"
            assert time.monotonic() < deadline, "serve does not listen"
            time.sleep(0.05)
        self.url = json.loads((self.data / "node.json").read_text())["url"].rstrip("/")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            status = self.process.wait(timeout=60)
        finally:
            self.process.kill()
        said = self.stderr.read_text()
        assert status == 0 and "panicked" not in said, f"exit {status}\n{said}"

    def balance(self) -> list[dict]:
        return requests.get(f"{self.url}/api/balance", timeout=10).json()

    def settle(self):
        """Waits until nothing is in flight on the stream lane."""
        deadline = time.monotonic() + 60
        while any(row["in_flight"] for row in self.balance() if row["lane"] == "stream"):
            assert time.monotonic() < deadline, self.balance()
            time.sleep(0.1)


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Pinflow:
    """A data folder in which the demo ran once."""
    pinflow = Pinflow(tmp_path_factory.mktemp("demo"))
    pinflow.printed = pinflow.run("demo", "--exit", "--events", str(EVENTS), "--port", "0")
    return pinflow


@pytest.fixture
def node(tmp_path) -> Node:
    with Node(tmp_path / "data") as node:
        yield node


@pytest.fixture(scope="session")
def gateway(tmp_path_factory) -> Node:
    """A node that many tests share, each with topics of its own."""
    with Node(tmp_path_factory.mktemp("gateway") / "data") as node:
        yield node


@pytest.fixture
def topic(request) -> str:
    """A name for a topic or stream that no other test uses."""
    return request.node.name.removeprefix("test_").replace("[", "-").rstrip("]").lower()[:100]
