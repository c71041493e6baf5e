"""The AWS SDK for JavaScript on native Kinesis, over HTTP/1.1 and over HTTP/2 without TLS, which is what it chooses itself."""

import json
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("js") / "kinesis.cjs"


@pytest.mark.parametrize("protocol", ["http1", "http2"])
def test_records_put_by_the_javascript_sdk_are_got_by_it(gateway, topic, protocol):
    # It finds its packages by NODE_PATH, which ./test sets.
    done = subprocess.run(["node", str(SCRIPT), gateway.url, topic, protocol], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["failed"] == 0 and seen["arrived"] and seen["behind"] == 0
    assert [text for _, text in seen["got"]] == ["one", "two", "ünïcode 🎉"]
    assert [number for number, _ in seen["got"]] == seen["put"]
    assert seen["refused"] == ["ResourceNotFoundException", 400]
