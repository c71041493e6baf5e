"""The requests of the original system's clients work unmodified, whatever base address they were given."""

import datetime
import json

import pytest
import requests

PIN = {
    "index": 7528,
    "unique_id": "fbe53c66-3442-4773-b19e-d3ec6f54dddf",
    "title": "No Title Data Available",
    "description": 'Quotes "and" ünïcode 🎉\nand a line break',
    "poster_name": "User Info Error",
    "follower_count": "124k",
    "tag_list": "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e",
    "is_image_or_video": "multi-video(story page format)",
    "image_src": "Image src error.",
    "downloaded": 0,
    "save_location": "Local save in /data/mens-fashion",
    "category": "mens-fashion",
}
GEO = {"ind": 7528, "timestamp": datetime.datetime(2020, 8, 28, 3, 52, 47), "latitude": -89.9787, "longitude": -173.293, "country": "Albania"}
USER = {"ind": 7528, "first_name": "Abigail", "last_name": "Ali", "age": 20, "date_joined": datetime.datetime(2015, 10, 24, 11, 23, 51)}
EVENTS = {"pin": PIN, "geo": GEO, "user": USER}
BASES = ["", "/dev", "/dev/", "/"]


@pytest.mark.parametrize("base", BASES)
def test_a_triple_is_posted_as_the_original_emulator_posts_it(node, base):
    for stream, event in EVENTS.items():
        payload = json.dumps({"records": [{"value": event}]}, default=str)
        headers = {"Content-Type": "application/vnd.kafka.json.v2+json"}
        response = requests.request("POST", f"{node.url}{base}/topics/demo.{stream}", headers=headers, data=payload, timeout=10)
        assert response.status_code == 200, response.text
        assert response.json()["offsets"] == [{"partition": 0, "offset": 0, "error_code": None, "error": None}]

        name = f"streaming-demo-{stream}"
        payload = json.dumps({"StreamName": name, "Data": event, "PartitionKey": f"partition-{stream}"}, default=str)
        headers = {"Content-Type": "application/json"}
        response = requests.request("PUT", f"{node.url}{base}/streams/{name}/record", headers=headers, data=payload, timeout=10)
        assert response.status_code == 200, response.text
        assert response.json()["ShardId"] == "shardId-000000000000"
    node.settle()
    node.run("run", "daily")
    pin = node.rows("SELECT * FROM pin", "stream")[0]
    assert pin["follower_count"] == 124000 and pin["save_location"] == "/data/mens-fashion"
    assert pin["title"] is pin["poster_name"] is pin["tag_list"] is pin["image_src"] is None
    assert pin["description"] == PIN["description"]
    for stream in EVENTS:
        assert node.rows(f"SELECT * FROM {stream}", "batch") == node.rows(f"SELECT * FROM {stream}", "stream")
    node.run("reconcile")


def test_a_malformed_request_gets_the_dialects_own_error(node):
    kafka = f"{node.url}/topics/demo.pin"
    wrong_type = requests.post(kafka, json={"records": [{"value": {}}]}, timeout=10)
    assert (wrong_type.status_code, wrong_type.json()["error_code"]) == (415, 415)
    broken = requests.post(kafka, data="{", headers={"Content-Type": "application/vnd.kafka.json.v2+json"}, timeout=10)
    assert (broken.status_code, broken.json()["error_code"]) == (400, 400)
    empty = requests.post(kafka, data='{"records":[]}', headers={"Content-Type": "application/vnd.kafka.json.v2+json"}, timeout=10)
    assert (empty.status_code, empty.json()["error_code"]) == (422, 422)
    no_key = requests.put(f"{node.url}/streams/streaming-demo-pin/record", json={"Data": {}}, timeout=10)
    assert no_key.status_code == 400 and no_key.json()["__type"] == "ValidationException"
    assert all(row["accepted"] == 0 for row in node.balance())
