"""Kafka REST v3, as the examples of its documentation do it."""

import base64
import json

import pytest
import requests


class Cluster:
    """The one cluster, found as clients find it."""

    def __init__(self, url: str):
        clusters = requests.get(f"{url}/v3/clusters", timeout=10).json()
        assert clusters["kind"] == "KafkaClusterList" and len(clusters["data"]) == 1
        self.id = clusters["data"][0]["cluster_id"]
        self.url = clusters["data"][0]["metadata"]["self"]
        assert self.url == f"{url}/v3/clusters/{self.id}"

    def ask(self, method: str, path: str, body=None, **options) -> requests.Response:
        url = path if path.startswith("http") else f"{self.url}/{path}"
        return requests.request(method, url, json=body, timeout=30, **options)

    def succeed(self, method: str, path: str, body=None, status: int = 200):
        response = self.ask(method, path, body)
        assert response.status_code == status, (method, path, response.status_code, response.text)
        return response.json() if response.content else None

    def refused(self, method: str, path: str, body=None) -> tuple[int, int]:
        response = self.ask(method, path, body)
        return response.status_code, response.json()["error_code"]

    def make(self, topic: str, partitions: int = 1) -> dict:
        return self.succeed("POST", "topics", {"topic_name": topic, "partitions_count": partitions}, status=201)

    def produce(self, topic: str, *records: dict, data=None) -> list[dict]:
        """Sends objects one after the other, without commas, and reads the answers in the same way."""
        body = data or "".join(json.dumps(record) for record in records)
        headers = {"Content-Type": "application/json"}
        response = requests.post(f"{self.url}/topics/{topic}/records", data=body, headers=headers, timeout=30)
        assert response.status_code == 200, response.text
        return objects(response.text)


def objects(text: str) -> list[dict]:
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


def text(value: str) -> dict:
    return {"value": {"type": "STRING", "data": value}}


@pytest.fixture
def cluster(gateway) -> Cluster:
    return Cluster(gateway.url)


def test_a_topic_from_its_creation_to_its_end(cluster, topic):
    made = cluster.make(topic, 3)
    assert (made["kind"], made["topic_name"], made["cluster_id"]) == ("KafkaTopic", topic, cluster.id)
    assert made["metadata"]["self"] == f"{cluster.url}/topics/{topic}"
    assert made["metadata"]["resource_name"] == f"crn:///kafka={cluster.id}/topic={topic}"
    found = cluster.succeed("GET", f"topics/{topic}")
    assert (found["partitions_count"], found["is_internal"]) == (3, False)
    assert topic in [one["topic_name"] for one in cluster.succeed("GET", "topics")["data"]]
    partitions = cluster.succeed("GET", found["partitions"]["related"])
    assert [one["partition_id"] for one in partitions["data"]] == [0, 1, 2]
    assert cluster.refused("POST", "topics", {"topic_name": topic}) == (400, 40002)
    assert cluster.succeed("PATCH", f"topics/{topic}", {"partitions_count": 5})["partitions_count"] == 5
    assert cluster.refused("PATCH", f"topics/{topic}", {"partitions_count": 4}) == (400, 40002)
    cluster.succeed("DELETE", f"topics/{topic}", status=204)
    assert cluster.refused("GET", f"topics/{topic}") == (404, 40403)
    assert cluster.refused("DELETE", f"topics/{topic}") == (404, 40403)


def test_records_are_streamed_and_answered_in_order(cluster, topic):
    cluster.make(topic, 2)
    answers = cluster.produce(
        topic,
        {"partition_id": 1, "key": {"type": "BINARY", "data": "Zm9v"}, "value": {"type": "JSON", "data": {"a": 1}}},
        {"partition_id": 1, "headers": [{"name": "h", "value": "aGVhZGVy"}]} | text("plain"),
        {"partition_id": 1, "value": {"type": "BINARY", "data": 1}},
        {"partition_id": 7} | text("nowhere"),
        {"partition_id": 1} | text("after the mistakes"),
    )
    assert [answer["error_code"] for answer in answers] == [200, 200, 400, 40401, 200]
    assert [answer.get("offset") for answer in answers] == [0, 1, None, None, 2]
    assert answers[0]["key"] == {"type": "BINARY", "size": 3} and answers[0]["value"] == {"type": "JSON", "size": 7}
    assert {answer["partition_id"] for answer in answers if "partition_id" in answer} == {1}
    offsets = cluster.succeed("GET", f"topics/{topic}/partitions/1/offset?offset_type=earliest_and_latest")
    assert (offsets["earliest_offset"], offsets["latest_offset"]) == (0, 3)


def test_a_stream_of_chunks_is_produced_as_it_comes(cluster, topic):
    cluster.make(topic)
    pieces = b"".join(json.dumps(text(str(n))).encode() + b"\r\n" for n in range(200))
    # Cut anywhere, as a network does.
    chunks = (pieces[start : start + 97] for start in range(0, len(pieces), 97))
    answers = cluster.produce(topic, data=chunks)
    assert [answer["offset"] for answer in answers] == list(range(200))


def test_a_batch_is_answered_entry_by_entry(cluster, topic):
    cluster.make(topic)
    entries = [{"id": "a"} | text("one"), {"id": "b", "value": {"type": "BINARY", "data": "?"}}, {"id": "c"} | text("two")]
    reply = cluster.succeed("POST", f"topics/{topic}/records:batch", {"entries": entries}, status=207)
    assert [(one["id"], one["offset"]) for one in reply["successes"]] == [("a", 0), ("c", 1)]
    assert [(one["id"], one["error_code"]) for one in reply["failures"]] == [("b", 400)]
    twice = {"entries": [{"id": "a"} | text("x"), {"id": "a"} | text("y")]}
    assert cluster.refused("POST", f"topics/{topic}/records:batch", twice) == (422, 42208)
    assert cluster.refused("POST", f"topics/{topic}/records:batch", {"entries": []}) == (422, 42208)


def test_configs_are_set_and_reset(cluster, topic):
    cluster.make(topic)
    path = f"topics/{topic}/configs/retention.ms"
    default = cluster.succeed("GET", path)
    assert (default["name"], default["kind"]) == ("retention.ms", "KafkaTopicConfig")
    cluster.succeed("PUT", path, {"value": "3600000"}, status=204)
    changed = cluster.succeed("GET", path)
    assert (changed["value"], changed["is_default"]) == ("3600000", False)
    cluster.succeed("DELETE", path, status=204)
    assert cluster.succeed("GET", path)["value"] == default["value"]
    alter = {"data": [{"name": "retention.ms", "value": "7200000"}]}
    cluster.succeed("POST", f"topics/{topic}/configs:alter", alter, status=204)
    listed = {one["name"]: one["value"] for one in cluster.succeed("GET", f"topics/{topic}/configs")["data"]}
    assert listed["retention.ms"] == "7200000" and "cleanup.policy" in listed


def test_the_lag_of_a_group_that_reads_over_v2(cluster, gateway, topic):
    cluster.make(topic)
    cluster.produce(topic, *({"value": {"type": "JSON", "data": n}} for n in range(5)))
    group, v2 = f"group-{topic}", {"Content-Type": "application/vnd.kafka.v2+json"}
    config = {"format": "json", "auto.offset.reset": "earliest", "auto.commit.enable": "false"}
    instance = requests.post(f"{gateway.url}/consumers/{group}", json=config, headers=v2, timeout=10).json()["base_uri"]
    requests.post(f"{instance}/subscription", json={"topics": [topic]}, headers=v2, timeout=10).raise_for_status()
    requests.get(f"{instance}/records", headers={"Accept": "application/vnd.kafka.json.v2+json"}, timeout=10).raise_for_status()
    committed = {"offsets": [{"topic": topic, "partition": 0, "offset": 1}]}
    requests.post(f"{instance}/offsets", json=committed, headers=v2, timeout=10).raise_for_status()

    assert group in [one["consumer_group_id"] for one in cluster.succeed("GET", "consumer-groups")["data"]]
    found = cluster.succeed("GET", f"consumer-groups/{group}")
    assert (found["kind"], found["state"]) == ("KafkaConsumerGroup", "STABLE")
    summary = cluster.succeed("GET", found["lag_summary"]["related"])
    assert (summary["max_lag"], summary["total_lag"], summary["max_lag_topic_name"]) == (3, 3, topic)
    lag = cluster.succeed("GET", f"consumer-groups/{group}/lags")["data"][0]
    assert (lag["current_offset"], lag["log_end_offset"], lag["lag"]) == (2, 5, 3)
    requests.delete(instance, headers=v2, timeout=10).raise_for_status()
    assert cluster.succeed("GET", f"consumer-groups/{group}")["state"] == "EMPTY"
    assert cluster.refused("GET", f"consumer-groups/{group}-unknown/lag-summary")[0] == 404


def test_what_v3_writes_kinesis_reads(cluster, gateway, topic):
    cluster.make(topic)
    cluster.produce(topic, {"key": {"type": "STRING", "data": "k"}, "value": {"type": "JSON", "data": {"a": "ü"}}})
    shard = f"{gateway.url}/streams/{topic}/sharditerator?shard-id=shardId-000000000000"
    at = requests.get(shard, timeout=10).json()["ShardIterator"]
    records = requests.get(f"{gateway.url}/streams/{topic}/records", headers={"Shard-Iterator": at}, timeout=10).json()["Records"]
    assert [json.loads(base64.b64decode(record["Data"])) for record in records] == [{"a": "ü"}]
    assert [record["PartitionKey"] for record in records] == ["k"]


def test_mistakes_have_the_codes_of_the_service(cluster, gateway, topic):
    assert cluster.refused("POST", "topics", {"topic_name": "no such name!"})[0] in (400, 422)
    assert cluster.refused("GET", f"topics/{topic}/partitions/0")[0] == 404
    assert cluster.refused("GET", f"{gateway.url}/v3/clusters/another/topics") == (404, 404)
    assert cluster.refused("GET", f"{gateway.url}/v3/nothing") == (404, 404)
    cluster.make(topic)
    path = f"{cluster.url}/topics/{topic}/records"
    wrong = requests.post(path, data="{}", headers={"Content-Type": "text/plain"}, timeout=10)
    assert (wrong.status_code, wrong.json()["error_code"]) == (415, 415)
    nothing = requests.post(path, data="", headers={"Content-Type": "application/json"}, timeout=10)
    assert (nothing.status_code, nothing.json()["error_code"]) == (422, 42206)
    broken = cluster.produce(topic, data=json.dumps(text("whole")) + '{"value": {"type": ')
    assert [answer["error_code"] for answer in broken] == [200, 400]
