"""Native Kinesis in CBOR, as the SDKs for Java speak it: requests made by hand, signed by botocore, encoded by cbor2."""

import time
from dataclasses import dataclass

import cbor2
import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from aws import ACCESS_KEY, REGION, SECRET_KEY, kinesis_client

CBOR = "application/x-amz-cbor-1.1"
SHARD = "shardId-000000000000"


@dataclass(frozen=True)
class Time:
    """A time as the service encodes it: tag 1 on whole milliseconds, where the standard has seconds."""

    milliseconds: int


def decode(body: bytes):
    return cbor2.loads(body, semantic_decoders={1: lambda milliseconds, _: Time(milliseconds)})


def encode(value) -> bytes:
    if isinstance(value, Time):
        return cbor2.dumps(cbor2.CBORTag(1, value.milliseconds))
    if isinstance(value, dict):
        # Of indefinite length, as the SDK for Java writes its maps.
        return b"\xbf" + b"".join(encode(key) + encode(member) for key, member in value.items()) + b"\xff"
    if isinstance(value, list):
        return b"\x9f" + b"".join(map(encode, value)) + b"\xff"
    return cbor2.dumps(value)


class Client:
    def __init__(self, url: str):
        self.url = f"{url}/"

    def send(self, operation: str, body: bytes) -> requests.Response:
        headers = {"X-Amz-Target": f"Kinesis_20131202.{operation}", "Content-Type": CBOR}
        request = AWSRequest("POST", self.url, headers=headers, data=body)
        SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "kinesis", REGION).add_auth(request)
        response = requests.post(self.url, data=body, headers=dict(request.headers), timeout=30)
        assert response.headers["x-amzn-RequestId"]
        return response

    def call(self, operation: str, **members):
        response = self.send(operation, encode(members))
        assert response.status_code == 200, decode(response.content)
        if not response.content:
            return None
        assert response.headers["Content-Type"] == CBOR
        return decode(response.content)

    def refused(self, operation: str, **members) -> tuple[str, str]:
        response = self.send(operation, encode(members))
        assert (response.status_code, response.headers["Content-Type"]) == (400, CBOR), response.content
        error = decode(response.content)
        return error["__type"].split("#")[-1], error["message"]

    def iterator(self, stream: str, kind: str, **start) -> str:
        return self.call("GetShardIterator", StreamName=stream, ShardId=SHARD, ShardIteratorType=kind, **start)["ShardIterator"]


@pytest.fixture
def client(gateway) -> Client:
    return Client(gateway.url)


def test_records_are_raw_bytes_and_times_are_milliseconds(client, gateway, topic):
    assert client.call("CreateStream", StreamName=topic, ShardCount=1) is None
    deadline = time.monotonic() + 60
    while (described := client.call("DescribeStream", StreamName=topic)["StreamDescription"])["StreamStatus"] != "ACTIVE":
        assert time.monotonic() < deadline
    now = time.time() * 1000
    assert isinstance(described["StreamCreationTimestamp"], Time)
    assert abs(described["StreamCreationTimestamp"].milliseconds - now) < 300_000

    data = [bytes(range(256)), "ünïcode 🎉".encode(), b""]
    put = client.call("PutRecord", StreamName=topic, Data=data[0], PartitionKey="key")
    records = [{"Data": one, "PartitionKey": "key"} for one in data[1:]]
    many = client.call("PutRecords", StreamName=topic, Records=records)
    assert many["FailedRecordCount"] == 0
    numbers = [put["SequenceNumber"]] + [record["SequenceNumber"] for record in many["Records"]]

    page = client.call("GetRecords", ShardIterator=client.iterator(topic, "TRIM_HORIZON"), Limit=10)
    assert [record["Data"] for record in page["Records"]] == data
    assert [record["SequenceNumber"] for record in page["Records"]] == numbers
    arrived = page["Records"][0]["ApproximateArrivalTimestamp"]
    assert abs(arrived.milliseconds - now) < 300_000 and page["MillisBehindLatest"] == 0

    at_time = client.iterator(topic, "AT_TIMESTAMP", Timestamp=arrived)
    assert len(client.call("GetRecords", ShardIterator=at_time)["Records"]) == 3
    after = client.iterator(topic, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[0])
    assert [record["Data"] for record in client.call("GetRecords", ShardIterator=after)["Records"]] == data[1:]

    # What one encoding writes the other reads.
    kinesis = kinesis_client(gateway.url)
    kinesis.put_record(StreamName=topic, Data=b"from JSON", PartitionKey="key")
    assert client.call("GetRecords", ShardIterator=page["NextShardIterator"])["Records"][0]["Data"] == b"from JSON"
    at = kinesis.get_shard_iterator(StreamName=topic, ShardId=SHARD, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    assert [record["Data"] for record in kinesis.get_records(ShardIterator=at)["Records"]] == [*data, b"from JSON"]


def test_errors_are_cbor_too(client, topic):
    kind, message = client.refused("DescribeStream", StreamName=topic)
    assert kind == "ResourceNotFoundException" and message.startswith(f"Stream {topic} under account")
    kind, message = client.refused("PutRecord", StreamName=topic, Data=b"x", PartitionKey="")
    assert kind == "ValidationException" and "'partitionKey'" in message


@pytest.mark.parametrize("body", [b"", b"\xff", b"\xbf", b"\x81\x01", b"\xa1\x61", b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", b"\x81" * 100_000])
def test_what_is_no_request_in_cbor_is_refused(client, body):
    response = client.send("PutRecord", body)
    assert response.status_code == 400, response.content
    assert decode(response.content)["__type"].split("#")[-1] in ("SerializationException", "ValidationException")
