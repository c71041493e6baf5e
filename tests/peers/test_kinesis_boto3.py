"""boto3 on native Kinesis, in JSON: what programs written for AWS do, with another endpoint and nothing else."""

import base64
import datetime
import json
import time

import pytest
import requests

from aws import iterator, kinesis_client, make_stream, open_shards, read, read_shard, refused, shards

SHARD = "shardId-{:012}"
HASH_KEYS = 1 << 128


@pytest.fixture(scope="module")
def kinesis(gateway):
    return kinesis_client(gateway.url)


@pytest.fixture(scope="module")
def unchecked(gateway):
    """A client that leaves it to the service to find what is wrong."""
    return kinesis_client(gateway.url, parameter_validation=False)


def put(kinesis, stream: str, data: bytes, key: str = "key", **options) -> dict:
    return kinesis.put_record(StreamName=stream, Data=data, PartitionKey=key, **options)


def wait_until_active(kinesis, stream: str) -> dict:
    deadline = time.monotonic() + 60
    while True:
        summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
        if summary["StreamStatus"] == "ACTIVE":
            return summary
        assert time.monotonic() < deadline, summary
        time.sleep(0.05)


def test_a_stream_lives_from_create_to_delete(kinesis, topic):
    assert kinesis.create_stream(StreamName=topic, ShardCount=5)["ResponseMetadata"]["HTTPStatusCode"] == 200
    kinesis.get_waiter("stream_exists").wait(StreamName=topic)
    described = kinesis.describe_stream(StreamName=topic)["StreamDescription"]
    assert (described["StreamName"], described["StreamStatus"]) == (topic, "ACTIVE")
    assert described["StreamARN"].startswith("arn:aws:kinesis:us-east-1:") and described["StreamARN"].endswith(f":stream/{topic}")
    assert (described["HasMoreShards"], described["RetentionPeriodHours"], described["EncryptionType"]) == (False, 24, "NONE")
    width = HASH_KEYS // 5
    for number, shard in enumerate(described["Shards"]):
        last = HASH_KEYS - 1 if number == 4 else (number + 1) * width - 1
        assert shard["ShardId"] == SHARD.format(number) and "ParentShardId" not in shard
        assert shard["HashKeyRange"] == {"StartingHashKey": str(number * width), "EndingHashKey": str(last)}
        assert "EndingSequenceNumber" not in shard["SequenceNumberRange"]
    assert len(described["Shards"]) == 5
    created = described["StreamCreationTimestamp"]
    assert abs(datetime.datetime.now(created.tzinfo) - created) < datetime.timedelta(minutes=5)

    assert wait_until_active(kinesis, topic)["OpenShardCount"] == 5
    assert refused("ResourceInUseException", kinesis.create_stream, StreamName=topic, ShardCount=1).startswith(f"Stream {topic} under account")
    kinesis.delete_stream(StreamName=topic)
    kinesis.get_waiter("stream_not_exists").wait(StreamName=topic)
    message = refused("ResourceNotFoundException", kinesis.describe_stream, StreamName=topic)
    assert message.startswith(f"Stream {topic} under account") and message.endswith("not found.")


def test_describe_stream_pages_through_shards(kinesis, topic):
    make_stream(kinesis, topic, 5)
    first = kinesis.describe_stream(StreamName=topic, Limit=2)["StreamDescription"]
    assert first["HasMoreShards"] and [shard["ShardId"] for shard in first["Shards"]] == [SHARD.format(0), SHARD.format(1)]
    rest = kinesis.describe_stream(StreamName=topic, ExclusiveStartShardId=SHARD.format(1))["StreamDescription"]
    assert not rest["HasMoreShards"] and len(rest["Shards"]) == 3
    pages = kinesis.get_paginator("describe_stream").paginate(StreamName=topic, PaginationConfig={"PageSize": 2})
    assert len([shard for page in pages for shard in page["StreamDescription"]["Shards"]]) == 5


def test_streams_are_listed_by_name_in_pages(kinesis, topic):
    names = [make_stream(kinesis, f"{topic}-{number}") for number in range(5)]
    pages = list(kinesis.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 2}))
    listed = [name for page in pages for name in page["StreamNames"]]
    assert len(pages) > 2 and listed == sorted(listed) and set(names) <= set(listed)
    after = kinesis.list_streams(ExclusiveStartStreamName=names[2], Limit=2)
    assert after["StreamNames"] == names[3:5]


def test_records_go_where_their_keys_hash(kinesis, topic):
    make_stream(kinesis, topic, 4)
    # MD5("partition-1") and so on, as the service places them.
    for key, shard in [("partition-1", 2), ("UserId", 1), ("user-1", 3)]:
        assert put(kinesis, topic, b"x", key)["ShardId"] == SHARD.format(shard), key
    assert put(kinesis, topic, b"x", "user-1", ExplicitHashKey="0")["ShardId"] == SHARD.format(0)
    assert put(kinesis, topic, b"x", "user-1", ExplicitHashKey=str(HASH_KEYS // 2))["ShardId"] == SHARD.format(2)


def test_what_is_put_is_got_byte_by_byte(kinesis, topic):
    make_stream(kinesis, topic)
    sent = [bytes(range(256)), b"", "ünïcode 🎉".encode(), b"x" * 100_000]
    keys = ["a", "ключ", "🔑", "k" * 256]
    numbers = [put(kinesis, topic, data, key)["SequenceNumber"] for data, key in zip(sent, keys)]
    assert all(number.isdigit() for number in numbers) and numbers == sorted(set(numbers), key=int)
    records = read_shard(kinesis, topic, SHARD.format(0))
    assert [(r["Data"], r["PartitionKey"], r["SequenceNumber"]) for r in records] == list(zip(sent, keys, numbers))
    arrived = [record["ApproximateArrivalTimestamp"] for record in records]
    assert arrived == sorted(arrived)
    assert abs(datetime.datetime.now(arrived[0].tzinfo) - arrived[0]) < datetime.timedelta(minutes=5)


def test_put_records_takes_500_and_answers_each(kinesis, topic):
    make_stream(kinesis, topic, 3)
    sent = [{"Data": f"event {number}".encode(), "PartitionKey": f"key {number % 17}"} for number in range(500)]
    reply = kinesis.put_records(StreamName=topic, Records=sent)
    assert reply["FailedRecordCount"] == 0 and len(reply["Records"]) == 500
    by_shard = {SHARD.format(number): [] for number in range(3)}
    for record, answer in zip(sent, reply["Records"]):
        by_shard[answer["ShardId"]].append((record["Data"], answer["SequenceNumber"]))
    for shard, expected in by_shard.items():
        assert [(r["Data"], r["SequenceNumber"]) for r in read_shard(kinesis, topic, shard)] == expected


def test_the_five_kinds_of_iterators(kinesis, topic):
    make_stream(kinesis, topic)
    shard = SHARD.format(0)
    numbers = [put(kinesis, topic, str(number).encode())["SequenceNumber"] for number in range(3)]
    time.sleep(1.1)
    latest = iterator(kinesis, topic, shard, "LATEST")
    numbers += [put(kinesis, topic, str(number).encode())["SequenceNumber"] for number in range(3, 5)]

    def data(at: str) -> str:
        return b"".join(record["Data"] for record in read(kinesis, at)).decode()

    assert data(iterator(kinesis, topic, shard)) == "01234"
    assert data(latest) == "34"
    assert data(iterator(kinesis, topic, shard, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1])) == "1234"
    assert data(iterator(kinesis, topic, shard, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1])) == "234"
    third = read_shard(kinesis, topic, shard)[3]["ApproximateArrivalTimestamp"]
    assert data(iterator(kinesis, topic, shard, "AT_TIMESTAMP", Timestamp=third - datetime.timedelta(seconds=1))) == "34"
    assert data(iterator(kinesis, topic, shard, "AT_TIMESTAMP", Timestamp=third - datetime.timedelta(days=1))) == "01234"


def test_get_records_pages_and_says_how_far_behind(kinesis, topic):
    make_stream(kinesis, topic)
    shard = SHARD.format(0)
    kinesis.put_records(StreamName=topic, Records=[{"Data": b"%d" % n, "PartitionKey": "k"} for n in range(35)])
    pages, at = [], iterator(kinesis, topic, shard)
    while len(pages) < 4:
        page = kinesis.get_records(ShardIterator=at, Limit=10)
        pages.append(page["Records"])
        assert page["NextShardIterator"] != at and page["MillisBehindLatest"] >= 0
        at = page["NextShardIterator"]
    assert [len(page) for page in pages] == [10, 10, 10, 5]
    assert [record["Data"] for page in pages for record in page] == [b"%d" % n for n in range(35)]
    end = kinesis.get_records(ShardIterator=at)
    assert (end["Records"], end["MillisBehindLatest"]) == ([], 0)
    put(kinesis, topic, b"more")
    assert [record["Data"] for record in kinesis.get_records(ShardIterator=end["NextShardIterator"])["Records"]] == [b"more"]


def test_a_split_shard_ends_in_its_children(kinesis, topic):
    make_stream(kinesis, topic)
    parent = SHARD.format(0)
    before = put(kinesis, topic, b"before", ExplicitHashKey=str(HASH_KEYS - 1))
    kinesis.split_shard(StreamName=topic, ShardToSplit=parent, NewStartingHashKey=str(HASH_KEYS // 2))
    wait_until_active(kinesis, topic)
    closed, low, high = shards(kinesis, topic)
    assert int(closed["SequenceNumberRange"]["EndingSequenceNumber"]) >= int(before["SequenceNumber"])
    for child, start, end in [(low, 0, HASH_KEYS // 2 - 1), (high, HASH_KEYS // 2, HASH_KEYS - 1)]:
        assert child["ParentShardId"] == parent
        assert child["HashKeyRange"] == {"StartingHashKey": str(start), "EndingHashKey": str(end)}
        assert int(child["SequenceNumberRange"]["StartingSequenceNumber"]) > int(before["SequenceNumber"])
    after = put(kinesis, topic, b"after", ExplicitHashKey=str(HASH_KEYS - 1))
    assert after["ShardId"] == high["ShardId"] and int(after["SequenceNumber"]) > int(before["SequenceNumber"])

    page = kinesis.get_records(ShardIterator=iterator(kinesis, topic, parent))
    assert [record["Data"] for record in page["Records"]] == [b"before"]
    while page.get("NextShardIterator"):
        page = kinesis.get_records(ShardIterator=page["NextShardIterator"])
        assert page["Records"] == []
    children = {child["ShardId"]: child["ParentShards"] for child in page["ChildShards"]}
    assert children == {low["ShardId"]: [parent], high["ShardId"]: [parent]}
    assert [record["Data"] for record in read_shard(kinesis, topic, high["ShardId"])] == [b"after"]


def test_merged_shards_have_one_child(kinesis, topic):
    make_stream(kinesis, topic, 3)
    for number in range(3):
        put(kinesis, topic, b"%d" % number, ExplicitHashKey=str(number * (HASH_KEYS // 3)))
    refused("InvalidArgumentException", kinesis.merge_shards, StreamName=topic, ShardToMerge=SHARD.format(0), AdjacentShardToMerge=SHARD.format(2))
    kinesis.merge_shards(StreamName=topic, ShardToMerge=SHARD.format(0), AdjacentShardToMerge=SHARD.format(1))
    wait_until_active(kinesis, topic)
    child = shards(kinesis, topic)[3]
    assert (child["ParentShardId"], child["AdjacentParentShardId"]) == (SHARD.format(0), SHARD.format(1))
    assert child["HashKeyRange"]["StartingHashKey"] == "0"
    assert put(kinesis, topic, b"later", ExplicitHashKey="0")["ShardId"] == child["ShardId"]
    assert open_shards(kinesis, topic) == [SHARD.format(2), SHARD.format(3)]
    assert [read_shard(kinesis, topic, SHARD.format(number))[0]["Data"] for number in range(4)] == [b"0", b"1", b"2", b"later"]


def test_shards_are_listed_in_pages_and_by_filter(kinesis, topic):
    make_stream(kinesis, topic, 3)
    kinesis.split_shard(StreamName=topic, ShardToSplit=SHARD.format(0), NewStartingHashKey="1000")
    wait_until_active(kinesis, topic)
    page = kinesis.list_shards(StreamName=topic, MaxResults=2)
    found = page["Shards"]
    while "NextToken" in page:
        page = kinesis.list_shards(NextToken=page["NextToken"], MaxResults=2)
        found += page["Shards"]
    assert [shard["ShardId"] for shard in found] == [SHARD.format(number) for number in range(5)]

    def filtered(**shard_filter) -> list[str]:
        return [shard["ShardId"][-1] for shard in kinesis.list_shards(StreamName=topic, ShardFilter=shard_filter)["Shards"]]

    assert filtered(Type="AT_LATEST") == ["1", "2", "3", "4"]
    assert filtered(Type="AT_TRIM_HORIZON") == ["0", "1", "2"]
    assert filtered(Type="FROM_TRIM_HORIZON") == ["0", "1", "2", "3", "4"]
    assert filtered(Type="AFTER_SHARD_ID", ShardId=SHARD.format(2)) == ["3", "4"]
    after = kinesis.list_shards(StreamName=topic, ExclusiveStartShardId=SHARD.format(2))["Shards"]
    assert [shard["ShardId"][-1] for shard in after] == ["3", "4"]


def test_the_shard_count_goes_up_and_down(kinesis, topic):
    make_stream(kinesis, topic, 2)
    keys = [f"key {number}" for number in range(20)]
    for count in [4, 2, 3]:
        for key in keys:
            put(kinesis, topic, b"%d" % count, key)
        reply = kinesis.update_shard_count(StreamName=topic, TargetShardCount=count, ScalingType="UNIFORM_SCALING")
        assert (reply["StreamName"], reply["TargetShardCount"]) == (topic, count)
        assert wait_until_active(kinesis, topic)["OpenShardCount"] == count
    every = shards(kinesis, topic)
    opened = [s["HashKeyRange"] for s in every if "EndingSequenceNumber" not in s["SequenceNumberRange"]]
    ranges = sorted((int(r["StartingHashKey"]), int(r["EndingHashKey"])) for r in opened)
    assert ranges[0][0] == 0 and ranges[-1][1] == HASH_KEYS - 1
    assert all(before[1] + 1 == after[0] for before, after in zip(ranges, ranges[1:]))
    records = [record["Data"] for shard in every for record in read_shard(kinesis, topic, shard["ShardId"])]
    assert sorted(records) == sorted([b"4"] * 20 + [b"2"] * 20 + [b"3"] * 20)
    refused("LimitExceededException", kinesis.update_shard_count, StreamName=topic, TargetShardCount=7, ScalingType="UNIFORM_SCALING")


def test_tags(kinesis, topic):
    make_stream(kinesis, topic)
    kinesis.add_tags_to_stream(StreamName=topic, Tags={"team": "pins", "stage": "dev", "cost centre": "4 + 2"})
    tags = kinesis.list_tags_for_stream(StreamName=topic)
    assert tags["Tags"] == [{"Key": "cost centre", "Value": "4 + 2"}, {"Key": "stage", "Value": "dev"}, {"Key": "team", "Value": "pins"}]
    assert tags["HasMoreTags"] is False
    page = kinesis.list_tags_for_stream(StreamName=topic, Limit=1, ExclusiveStartTagKey="cost centre")
    assert (page["Tags"], page["HasMoreTags"]) == ([{"Key": "stage", "Value": "dev"}], True)
    kinesis.add_tags_to_stream(StreamName=topic, Tags={"stage": "test"})
    kinesis.remove_tags_from_stream(StreamName=topic, TagKeys=["team", "cost centre"])
    assert kinesis.list_tags_for_stream(StreamName=topic)["Tags"] == [{"Key": "stage", "Value": "test"}]


def test_retention_is_raised_and_lowered(kinesis, topic):
    make_stream(kinesis, topic)

    def hours() -> int:
        return kinesis.describe_stream_summary(StreamName=topic)["StreamDescriptionSummary"]["RetentionPeriodHours"]

    kinesis.increase_stream_retention_period(StreamName=topic, RetentionPeriodHours=72)
    assert hours() == 72
    kinesis.decrease_stream_retention_period(StreamName=topic, RetentionPeriodHours=36)
    assert hours() == 36
    refused("InvalidArgumentException", kinesis.increase_stream_retention_period, StreamName=topic, RetentionPeriodHours=30)
    refused("InvalidArgumentException", kinesis.decrease_stream_retention_period, StreamName=topic, RetentionPeriodHours=48)


def test_errors_have_the_classes_and_words_of_the_service(unchecked, topic):
    kinesis, shard = unchecked, SHARD.format(0)
    make_stream(kinesis, topic)
    unknown = f"{topic}-unknown"
    not_found = "ResourceNotFoundException"
    for call, arguments in [
        (kinesis.put_record, {"Data": b"x", "PartitionKey": "k"}),
        (kinesis.put_records, {"Records": [{"Data": b"x", "PartitionKey": "k"}]}),
        (kinesis.list_shards, {}),
        (kinesis.get_shard_iterator, {"ShardId": shard, "ShardIteratorType": "LATEST"}),
        (kinesis.split_shard, {"ShardToSplit": shard, "NewStartingHashKey": "10"}),
        (kinesis.list_tags_for_stream, {}),
        (kinesis.delete_stream, {}),
    ]:
        message = refused(not_found, call, StreamName=unknown, **arguments)
        assert f"tream {unknown} under account" in message, message
    refused(not_found, kinesis.get_shard_iterator, StreamName=topic, ShardId=SHARD.format(7), ShardIteratorType="LATEST")

    def invalid(call, **arguments) -> str:
        message = refused("ValidationException", call, **arguments)
        assert "validation error" in message and "detected: " in message, message
        return message

    put_one, put_many = kinesis.put_record, kinesis.put_records
    assert "at 'partitionKey' failed to satisfy constraint: Member must have length greater than or equal to 1" in invalid(
        put_one, StreamName=topic, Data=b"x", PartitionKey=""
    )
    assert "less than or equal to 256" in invalid(put_one, StreamName=topic, Data=b"x", PartitionKey="k" * 257)
    assert "'streamName'" in invalid(put_one, StreamName="no such name!", Data=b"x", PartitionKey="k")
    record = {"Data": b"x", "PartitionKey": "k"}
    assert "less than or equal to 500" in invalid(put_many, StreamName=topic, Records=[record] * 501)
    assert "'records.2.member.partitionKey'" in invalid(put_many, StreamName=topic, Records=[record, record | {"PartitionKey": ""}])
    assert "'records'" in invalid(put_many, StreamName=topic, Records=[])
    assert "'limit'" in invalid(kinesis.describe_stream, StreamName=topic, Limit=10_001)
    assert "'shardIteratorType'" in invalid(kinesis.get_shard_iterator, StreamName=topic, ShardId=shard, ShardIteratorType="FIRST")
    assert "'shardCount'" in invalid(kinesis.create_stream, StreamName=unknown, ShardCount=0)

    argument = "InvalidArgumentException"
    refused(argument, kinesis.get_records, ShardIterator="AAAAAAAAAAAAAAAAAAAAAAAA")
    refused(argument, kinesis.get_shard_iterator, StreamName=topic, ShardId=shard, ShardIteratorType="AT_SEQUENCE_NUMBER")
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    refused(argument, kinesis.get_shard_iterator, StreamName=topic, ShardId=shard, ShardIteratorType="AT_TIMESTAMP", Timestamp=later)
    refused(argument, kinesis.put_record, StreamName=topic, Data=b"x", PartitionKey="k", ExplicitHashKey=str(HASH_KEYS))
    refused(argument, kinesis.split_shard, StreamName=topic, ShardToSplit=shard, NewStartingHashKey="0")
    assert read_shard(kinesis, topic, shard) == []


def test_streams_are_addressed_by_arn_too(kinesis, topic):
    make_stream(kinesis, topic)
    arn = kinesis.describe_stream_summary(StreamName=topic)["StreamDescriptionSummary"]["StreamARN"]
    kinesis.put_record(StreamARN=arn, Data=b"by arn", PartitionKey="k")
    at = kinesis.get_shard_iterator(StreamARN=arn, ShardId=SHARD.format(0), ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    assert kinesis.get_records(StreamARN=arn, ShardIterator=at)["Records"][0]["Data"] == b"by arn"
    kinesis.delete_stream(StreamARN=arn)


def test_stream_consumers_are_registered_and_forgotten(kinesis, topic):
    make_stream(kinesis, topic)
    arn = kinesis.describe_stream_summary(StreamName=topic)["StreamDescriptionSummary"]["StreamARN"]
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="fan-out")["Consumer"]
    assert consumer["ConsumerARN"].startswith(f"{arn}/consumer/fan-out:") and consumer["ConsumerStatus"] in ("CREATING", "ACTIVE")
    described = kinesis.describe_stream_consumer(ConsumerARN=consumer["ConsumerARN"])["ConsumerDescription"]
    assert (described["ConsumerName"], described["StreamARN"]) == ("fan-out", arn)
    assert [one["ConsumerName"] for one in kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]] == ["fan-out"]
    refused("ResourceInUseException", kinesis.register_stream_consumer, StreamARN=arn, ConsumerName="fan-out")
    kinesis.deregister_stream_consumer(StreamARN=arn, ConsumerName="fan-out")
    refused("ResourceNotFoundException", kinesis.describe_stream_consumer, StreamARN=arn, ConsumerName="fan-out")


def test_one_topic_is_the_same_data_in_every_dialect(kinesis, gateway, topic):
    make_stream(kinesis, topic)
    put(kinesis, topic, b'{"from":"kinesis"}', "a key")
    kafka = {"Content-Type": "application/vnd.kafka.json.v2+json"}
    body = '{"records":[{"key":"k","value":{"from":"kafka"}}]}'
    assert requests.post(f"{gateway.url}/topics/{topic}", data=body, headers=kafka, timeout=10).status_code == 200
    face = {"Data": {"from": "api gateway"}, "PartitionKey": "k"}
    assert requests.put(f"{gateway.url}/streams/{topic}/record", json=face, timeout=10).status_code == 200
    records = read_shard(kinesis, topic, SHARD.format(0))
    assert [json.loads(record["Data"])["from"] for record in records] == ["kinesis", "kafka", "api gateway"]
    at = requests.get(f"{gateway.url}/streams/{topic}/sharditerator?shard-id={SHARD.format(0)}", timeout=10).json()["ShardIterator"]
    read_again = requests.get(f"{gateway.url}/streams/{topic}/records", headers={"Shard-Iterator": at}, timeout=10).json()["Records"]
    assert [base64.b64decode(record["Data"]) for record in read_again] == [record["Data"] for record in records]
    assert [record["SequenceNumber"] for record in read_again] == [record["SequenceNumber"] for record in records]
