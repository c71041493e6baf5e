"""schemathesis fuzzes every route of `/openapi.json`: no 5xx, no hang, no reply of another shape than the document says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
SEED = "20260101"
EXAMPLES = "12"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# The longest that a reply may take: reading records waits as long as the client asks for, up to a second or so.
PATIENCE = "20"


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_no_request_breaks_the_gateway(node, tmp_path, mode):
    command = [str(SCHEMATHESIS), "run", f"{node.url}/openapi.json", "--url", node.url, "--mode", mode]
    command += ["--checks", CHECKS, "--seed", SEED, "--max-examples", EXAMPLES, "--request-timeout", PATIENCE]
    command += ["--phases", "examples,coverage,fuzzing", "--generation-database", "none", "--workers", "2", "--no-color"]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    assert node.process.poll() is None
    assert requests.get(f"{node.url}/healthz", timeout=10).status_code == 200
