"""schemathesis fuzzes every route of `/openapi.json`: no 5xx, no hang, no end of the process; every reply has a status, a content type
and a body that the document has for the operation."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
SEED = "20260101"
# Beside those that go through the bounds of every parameter.
EXAMPLES = "8"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# Seconds within which each reply ends.
PATIENCE = "20"
# Its reply has no end; the next test asks for it.
ENDLESS = "/api/events"


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_no_request_breaks_a_node(node, tmp_path, mode):
    command = [str(SCHEMATHESIS), "run", f"{node.url}/openapi.json", "--url", node.url, "--mode", mode]
    command += ["--checks", CHECKS, "--seed", SEED, "--max-examples", EXAMPLES, "--request-timeout", PATIENCE, "--exclude-path", ENDLESS]
    command += ["--phases", "examples,coverage,fuzzing", "--generation-database", "none", "--no-color"]
    # With several threads CPython 3.11 now and then fails within `ast.parse`, which hypothesis calls.
    command += ["--workers", "1"]
    # That few random values fit a pattern is no fault of the node.
    command += ["--suppress-health-check", "all"]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(Path(__file__).parent), "SCHEMATHESIS_HOOKS": "fuzz_hooks"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    assert node.process.poll() is None
    assert requests.get(f"{node.url}/healthz", timeout=10).status_code == 200


def test_the_endless_reply_begins_and_stands_odd_requests(node):
    for query in ["", "?", "?unknown=%00%ff", "?" + "a=b&" * 500]:
        with requests.get(f"{node.url}{ENDLESS}{query}", stream=True, timeout=10) as events:
            if events.status_code == 200:
                assert events.headers["Content-Type"].startswith("text/event-stream")
                assert next(events.iter_lines(decode_unicode=True)).startswith(("event:", "data:", ":"))
            else:
                assert 400 <= events.status_code < 500, events.text
