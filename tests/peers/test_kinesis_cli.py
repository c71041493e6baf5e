"""The AWS CLI on native Kinesis: the calls of the service's own tutorial, with another endpoint and nothing else."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

from aws import ACCESS_KEY, REGION, SECRET_KEY

AWS = Path(sys.executable).with_name("aws")
# What the CLI exits with where the service refused.
REFUSED = 255
CREDENTIALS = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_DEFAULT_REGION": REGION}


def aws(url: str, *arguments: str, status: int = 0):
    """What a command prints, as JSON where it prints something; on a failure what it says."""
    # Nothing of a user's own configuration.
    environment = {**os.environ, **CREDENTIALS, "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    command = [str(AWS), "--endpoint-url", url, "--output", "json", "kinesis", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == status, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stderr if status else json.loads(done.stdout or "null")


def test_the_tutorial_of_the_command_line(gateway, topic):
    def kinesis(*arguments: str, **options):
        return aws(gateway.url, *arguments, **options)

    stream = ("--stream-name", topic)
    assert kinesis("create-stream", *stream, "--shard-count", "2") is None
    kinesis("wait", "stream-exists", *stream)
    described = kinesis("describe-stream", *stream)["StreamDescription"]
    assert (described["StreamStatus"], len(described["Shards"])) == ("ACTIVE", 2)
    assert topic in kinesis("list-streams")["StreamNames"]

    put = kinesis("put-record", *stream, "--partition-key", "UserId", "--data", "testdata")
    shard = put["ShardId"]
    records = [{"Data": "one", "PartitionKey": "UserId"}, {"Data": "two", "PartitionKey": "UserId"}]
    answer = kinesis("put-records", *stream, "--records", json.dumps(records))
    assert answer["FailedRecordCount"] == 0 and {record["ShardId"] for record in answer["Records"]} == {shard}

    at = kinesis("get-shard-iterator", *stream, "--shard-id", shard, "--shard-iterator-type", "TRIM_HORIZON")["ShardIterator"]
    page = kinesis("get-records", "--shard-iterator", at)
    assert [base64.b64decode(record["Data"]) for record in page["Records"]] == [b"testdata", b"one", b"two"]
    assert page["Records"][0]["SequenceNumber"] == put["SequenceNumber"] and page["MillisBehindLatest"] == 0

    kinesis("add-tags-to-stream", *stream, "--tags", "stage=dev,team=pins")
    assert kinesis("list-tags-for-stream", *stream)["Tags"] == [{"Key": "stage", "Value": "dev"}, {"Key": "team", "Value": "pins"}]
    kinesis("merge-shards", *stream, "--shard-to-merge", "shardId-000000000000", "--adjacent-shard-to-merge", "shardId-000000000001")
    assert len(kinesis("list-shards", *stream)["Shards"]) == 3
    assert kinesis("describe-stream-summary", *stream)["StreamDescriptionSummary"]["OpenShardCount"] == 1

    kinesis("delete-stream", *stream)
    kinesis("wait", "stream-not-exists", *stream)
    assert "(ResourceNotFoundException)" in kinesis("describe-stream", *stream, status=REFUSED)
