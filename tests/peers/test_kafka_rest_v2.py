"""Kafka REST v2: its consumers step by step with `requests`, and two public client libraries."""

import base64
import json
import os
import time

import pytest
import requests
from kafka_rest import Consumer, Producer

# It sets the level of all logging when it is imported.
os.environ.setdefault("KAFKAREST_LOG_LEVEL", "WARNING")
from pymapr_kafkarest.kafkarest import MaprKlient  # noqa: E402

V2 = "application/vnd.kafka.v2+json"
JSON = "application/vnd.kafka.json.v2+json"
BINARY = "application/vnd.kafka.binary.v2+json"


class Proxy:
    """Requests as the documentation of the proxy shows them."""

    def __init__(self, url: str):
        self.url = url

    def ask(self, method: str, path: str, body=None, content_type: str = V2, accept: str = V2, **options) -> requests.Response:
        headers = {"Accept": accept} | ({"Content-Type": content_type} if body is not None else {})
        data = json.dumps(body) if body is not None else None
        url = path if path.startswith("http") else f"{self.url}{path}"
        return requests.request(method, url, data=data, headers=headers, timeout=30, **options)

    def succeed(self, *arguments, **options):
        response = self.ask(*arguments, **options)
        assert response.ok, (arguments, response.status_code, response.text)
        if response.status_code == 204:
            assert response.content == b""
            return None
        return response.json()

    def refused(self, *arguments, **options) -> tuple[int, int]:
        response = self.ask(*arguments, **options)
        error = response.json()
        assert isinstance(error["message"], str), error
        return response.status_code, error["error_code"]

    def produce(self, topic: str, *records: dict) -> list[dict]:
        reply = self.succeed("POST", f"/topics/{topic}", {"records": list(records)}, content_type=JSON)
        assert all(offset["error_code"] is None for offset in reply["offsets"]), reply
        return reply["offsets"]

    def consumer(self, group: str, topic: str | None = None, **config) -> "Instance":
        config = {"format": "json", "auto.offset.reset": "earliest", "auto.commit.enable": "false"} | config
        made = self.succeed("POST", f"/consumers/{group}", config)
        instance = Instance(self, made["base_uri"])
        assert made["base_uri"] == f"{self.url}/consumers/{group}/instances/{made['instance_id']}"
        if topic:
            instance.post("subscription", {"topics": [topic]})
        return instance


class Instance:
    """A consumer instance, by the address that the proxy gave it."""

    def __init__(self, proxy: Proxy, uri: str):
        self.proxy, self.uri = proxy, uri

    def post(self, what: str, body=None):
        return self.proxy.succeed("POST", f"{self.uri}/{what}", body)

    def get(self, what: str, body=None):
        return self.proxy.succeed("GET", f"{self.uri}/{what}", body)

    def records(self, count: int, accept: str = JSON, query: str = "") -> list[dict]:
        """Polls until it has so many records, as clients do: a first poll may come back empty."""
        found, deadline = [], time.monotonic() + 60
        while len(found) < count:
            assert time.monotonic() < deadline, found
            found += self.proxy.succeed("GET", f"{self.uri}/records{query}", accept=accept)
        return found

    def delete(self):
        self.proxy.succeed("DELETE", self.uri)


@pytest.fixture
def proxy(gateway) -> Proxy:
    return Proxy(gateway.url)


def test_a_consumer_from_its_creation_to_its_end(proxy, topic):
    proxy.produce(topic, {"key": "k", "value": {"n": 0}}, {"value": {"n": 1}}, {"key": {"a": [1]}, "value": None})
    consumer = proxy.consumer("group-" + topic, topic, name="one")
    assert consumer.uri.endswith("/instances/one")
    assert consumer.get("subscription") == {"topics": [topic]}
    records = consumer.records(3)
    assert records == [
        {"topic": topic, "key": "k", "value": {"n": 0}, "partition": 0, "offset": 0},
        {"topic": topic, "key": None, "value": {"n": 1}, "partition": 0, "offset": 1},
        {"topic": topic, "key": {"a": [1]}, "value": None, "partition": 0, "offset": 2},
    ]
    assert consumer.get("assignments") == {"partitions": [{"topic": topic, "partition": 0}]}
    proxy.produce(topic, {"value": "later"})
    assert [record["value"] for record in consumer.records(1)] == ["later"]
    consumer.proxy.succeed("DELETE", f"{consumer.uri}/subscription")
    assert consumer.get("subscription") == {"topics": []}
    consumer.delete()
    assert proxy.refused("GET", f"{consumer.uri}/records", accept=JSON) == (404, 40403)
    assert proxy.refused("DELETE", consumer.uri) == (404, 40403)


def test_a_group_goes_on_behind_what_it_committed(proxy, topic):
    proxy.produce(topic, *({"value": n} for n in range(6)))
    group, partition = "group-" + topic, {"topic": topic, "partition": 0}
    first = proxy.consumer(group, topic)
    assert first.get("offsets", {"partitions": [partition]}) == {"offsets": []}
    first.records(6)
    # The offset of the last record that was worked on: the next one is what is committed.
    first.post("offsets", {"offsets": [partition | {"offset": 2}]})
    committed = first.get("offsets", {"partitions": [partition]})["offsets"]
    assert [(one["topic"], one["partition"], one["offset"]) for one in committed] == [(topic, 0, 3)]
    first.delete()
    second = proxy.consumer(group, topic)
    assert [record["value"] for record in second.records(3)] == [3, 4, 5]
    second.post("offsets")
    assert second.get("offsets", {"partitions": [partition]})["offsets"][0]["offset"] == 6
    second.delete()


def test_positions_are_sought(proxy, topic):
    proxy.produce(topic, *({"value": n} for n in range(5)))
    partition = {"topic": topic, "partition": 0}
    consumer = proxy.consumer("group-" + topic)
    consumer.post("assignments", {"partitions": [partition]})
    assert consumer.get("assignments") == {"partitions": [partition]}
    assert [record["value"] for record in consumer.records(5)] == [0, 1, 2, 3, 4]
    consumer.post("positions", {"offsets": [partition | {"offset": 3}]})
    assert [record["value"] for record in consumer.records(2)] == [3, 4]
    consumer.post("positions/beginning", {"partitions": [partition]})
    assert [record["value"] for record in consumer.records(5)] == [0, 1, 2, 3, 4]
    consumer.post("positions/end", {"partitions": [partition]})
    proxy.produce(topic, {"value": "new"})
    assert [record["value"] for record in consumer.records(1)] == ["new"]
    consumer.delete()


def test_two_consumers_of_a_group_share_its_partitions(proxy, gateway, topic):
    created = requests.post(f"{gateway.url}/streams/{topic}", json={"ShardCount": 4}, timeout=10)
    assert created.status_code == 200, created.text
    one, two = (proxy.consumer("group-" + topic, topic) for _ in range(2))
    deadline = time.monotonic() + 60
    while True:
        # Polling is what makes a member take part in a rebalance.
        [proxy.succeed("GET", f"{member.uri}/records?timeout=50", accept=JSON) for member in (one, two)]
        shares = [{p["partition"] for p in member.get("assignments")["partitions"]} for member in (one, two)]
        if all(len(share) == 2 for share in shares):
            break
        assert time.monotonic() < deadline, shares
    assert shares[0] | shares[1] == {0, 1, 2, 3}
    proxy.produce(topic, *({"partition": partition, "value": partition} for partition in range(4)))
    for member, share in zip((one, two), shares):
        assert {record["value"] for record in member.records(2)} == share
    for member in (one, two):
        member.delete()


def test_binary_consumers_get_bytes(proxy, topic):
    proxy.succeed("POST", f"/topics/{topic}", {"records": [{"key": "AAE=", "value": "//4A"}, {"value": None}]}, content_type=BINARY)
    proxy.produce(topic, {"value": {"a": "ü"}})
    consumer = proxy.consumer("group-" + topic, topic, format="binary")
    records = consumer.records(3, accept=BINARY)
    assert [(record["key"], record["value"]) for record in records[:2]] == [("AAE=", "//4A"), (None, None)]
    assert json.loads(base64.b64decode(records[2]["value"])) == {"a": "ü"}
    assert proxy.refused("GET", f"{consumer.uri}/records", accept=JSON) == (406, 40601)
    consumer.delete()


def test_max_bytes_bounds_a_reply(proxy, topic):
    proxy.produce(topic, *({"value": str(n) * 1_000} for n in range(6)))
    consumer = proxy.consumer("group-" + topic, topic)
    sizes, seen, deadline = [], [], time.monotonic() + 60
    while len(seen) < 6:
        assert time.monotonic() < deadline, seen
        page = proxy.succeed("GET", f"{consumer.uri}/records?timeout=200&max_bytes=2500", accept=JSON)
        sizes.append(len(page))
        seen += [record["value"][0] for record in page]
    assert max(sizes) == 2 and seen == list("012345")
    consumer.delete()


def test_a_consumers_mistakes_have_the_proxys_codes(proxy, topic):
    proxy.produce(topic, {"value": 1})
    group, partition = "group-" + topic, {"topic": topic, "partition": 0}
    consumer = proxy.consumer(group, name="taken")
    refused = proxy.refused
    assert refused("POST", f"/consumers/{group}", {"name": "taken"}) == (409, 40902)
    assert refused("POST", f"/consumers/{group}", {"format": "xml"})[0] == 422
    assert refused("POST", f"/consumers/{group}", {"auto.offset.reset": "sometimes"})[0] == 422
    unknown = f"/consumers/{group}/instances/nobody"
    assert refused("POST", f"{unknown}/subscription", {"topics": [topic]}) == (404, 40403)
    assert refused("GET", f"{unknown}/assignments") == (404, 40403)
    consumer.post("subscription", {"topics": [topic]})
    assert refused("POST", f"{consumer.uri}/assignments", {"partitions": [partition]}) == (409, 40903)
    other = proxy.consumer(group)
    assert refused("POST", f"{other.uri}/positions/beginning", {"partitions": [partition]}) == (409, 40903)
    for member in (consumer, other):
        member.delete()


def test_metadata(proxy, topic):
    proxy.produce(topic, {"value": 1}, {"value": 2})
    assert topic in proxy.succeed("GET", "/topics")
    described = proxy.succeed("GET", f"/topics/{topic}")
    assert described["name"] == topic and described["configs"]["cleanup.policy"] == "delete"
    partition = proxy.succeed("GET", f"/topics/{topic}/partitions/0")
    assert partition["partition"] == 0 and partition["replicas"][0]["leader"] is True
    assert proxy.succeed("GET", f"/topics/{topic}/partitions") == described["partitions"] == [partition]
    assert proxy.succeed("GET", f"/topics/{topic}/partitions/0/offsets") == {"beginning_offset": 0, "end_offset": 2}
    assert proxy.succeed("GET", "/brokers")["brokers"] == [partition["leader"]]
    assert proxy.refused("GET", f"/topics/{topic}-unknown") == (404, 40403)
    assert proxy.refused("GET", f"/topics/{topic}/partitions/7") == (404, 40402)
    assert proxy.refused("GET", f"/topics/{topic}", accept="text/plain") == (406, 406)


def test_nlp_kafka_rest_api(gateway, topic):
    """https://pypi.org/project/nlp-kafka-rest-api: a producer in JSON, a consumer in binary, its own polling loop."""
    producer = Producer(kafka_rest_api_url=gateway.url, topic_id=f"{topic}-response")
    messages = [{"text": "Genome engineering", "n_best": n} for n in range(3)]
    keys = producer.produce(messages, "endpoint")
    with Consumer(kafka_rest_api_url=gateway.url, topic_id=topic) as consumer:
        found = [record for records in consumer.consume_all(keys, interval_sec=0) for record in records]
    assert sorted(record["value"]["payload"]["n_best"] for record in found) == [0, 1, 2]
    assert {record["key"] for record in found} == set(keys)


def test_pymapr_kafkarest(gateway, proxy, topic):
    """https://pypi.org/project/pymapr-kafkarest: asks for its subscription before it exists, and seeks with a trailing slash."""
    proxy.produce(topic, *({"value": {"n": n}} for n in range(4)))

    def client() -> MaprKlient:
        return MaprKlient(f"{gateway.url}/", f"group-{topic}", headers={}, topics=[topic], instance="one")

    consumer = client()
    consumer.connect()
    consumer.subscribe()
    found, deadline = [], time.monotonic() + 60
    while len(found) < 4:
        assert time.monotonic() < deadline, found
        found += consumer.consume()
    assert [record["value"]["n"] for record in found] == [0, 1, 2, 3]
    assert [record["value"]["n"] for record in consumer.consume(position=2)] == [2, 3]
    assert [record["value"]["n"] for record in consumer.consume(seek=True)] == [0, 1, 2, 3]
    # A second one of the same name takes over.
    again = client()
    again.connect(clear=True)
    again.subscribe()
    again._instance_delete()
