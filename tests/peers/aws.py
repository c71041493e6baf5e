"""The AWS SDK for Python on a node: only the endpoint is another."""

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = "us-east-1"
ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLE", "a-secret-that-nobody-checks"


def kinesis_client(url: str, **config):
    """A client that reports every failure instead of trying again."""
    return boto3.client(
        "kinesis",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


def make_stream(kinesis, name: str, shards: int = 1) -> str:
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    return name


def refused(code: str, call, **arguments) -> str:
    """The message of a call that must be refused with an error of this class."""
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    error = raised.value.response
    assert error["Error"]["Code"] == code, error
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400, error
    return error["Error"]["Message"]


def shards(kinesis, stream: str) -> list[dict]:
    return kinesis.list_shards(StreamName=stream)["Shards"]


def open_shards(kinesis, stream: str) -> list[str]:
    return [shard["ShardId"] for shard in shards(kinesis, stream) if "EndingSequenceNumber" not in shard["SequenceNumberRange"]]


def iterator(kinesis, stream: str, shard: str, kind: str = "TRIM_HORIZON", **start) -> str:
    return kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType=kind, **start)["ShardIterator"]


def read(kinesis, at: str, **options) -> list[dict]:
    """The records from an iterator to the end of its shard."""
    records = []
    while at:
        page = kinesis.get_records(ShardIterator=at, **options)
        records += page["Records"]
        if not page["Records"] and page["MillisBehindLatest"] == 0:
            break
        at = page.get("NextShardIterator")
    return records


def read_shard(kinesis, stream: str, shard: str, **options) -> list[dict]:
    return read(kinesis, iterator(kinesis, stream, shard), **options)
