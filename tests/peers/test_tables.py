"""Readers that nobody here wrote find the same rows in the tables and in the archive."""

import json

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from conftest import EVENTS

STREAMS = ["pin", "geo", "user"]
LANES = {"batch": "{}", "stream": "demo_{}_table"}


def rows(table: pa.Table) -> list[str]:
    """Every row as text, sorted; times as pinflow prints them."""
    for number, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            texts = pa.array([None if value is None else value.strftime("%Y-%m-%d %H:%M:%S") for value in table[number].to_pylist()])
            table = table.set_column(number, field.name, texts)
    return sorted(json.dumps(row, sort_keys=True, default=str) for row in table.to_pylist())


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("lane", LANES)
def test_the_delta_library_reads_what_pinflow_reads(demo, lane, stream):
    table = DeltaTable(demo.table(lane, LANES[lane].format(stream)))
    found = rows(table.to_pyarrow_table())
    assert found and found == sorted(json.dumps(row, sort_keys=True) for row in demo.rows(f"SELECT * FROM {stream}", lane))


@pytest.mark.parametrize("stream", STREAMS)
def test_the_lanes_hold_the_same_rows(demo, stream):
    batch, live = (rows(DeltaTable(demo.table(lane, name.format(stream))).to_pyarrow_table()) for lane, name in LANES.items())
    assert batch == live


def test_old_readers_can_read_the_tables(demo):
    for lane, name in LANES.items():
        table = DeltaTable(demo.table(lane, name.format("geo")))
        protocol = table.protocol()
        assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2)
        assert table.schema().to_arrow().field("timestamp").type == pa.timestamp("us", "UTC")


@pytest.mark.parametrize("stream", STREAMS)
def test_duckdb_reads_the_archive(demo, stream):
    archive = demo.data / "archive" / "topics" / f"demo.{stream}" / "partition=0" / "*.json"
    key = "unique_id" if stream == "pin" else "ind"
    found = duckdb.sql(f"SELECT count(*), count(DISTINCT {key}) FROM read_json('{archive}', format='newline_delimited')").fetchall()[0]
    assert found[0] == EVENTS
    assert found[1] == demo.rows(f"SELECT count(*) AS n FROM {stream}")[0]["n"]


def test_duckdb_answers_a_question_on_the_tables_as_pinflow_does(demo):
    tables = {stream: DeltaTable(demo.table("batch", stream)).to_pyarrow_table() for stream in STREAMS}
    pin, geo = tables["pin"], tables["geo"]  # noqa: F841, DuckDB finds them by name
    ours = demo.rows("SELECT country, category, count(category) AS n FROM geo JOIN pin USING (ind) GROUP BY country, category")
    theirs = duckdb.sql("SELECT country, category, count(category) AS n FROM geo JOIN pin USING (ind) GROUP BY ALL").fetchall()
    assert sorted(map(str, theirs)) == sorted(str((row["country"], row["category"], row["n"])) for row in ours)


def test_stored_answers_are_those_that_a_query_gives(demo):
    names = [row["table_name"] for row in demo.rows("SELECT DISTINCT table_name FROM information_schema.tables WHERE table_schema = 'result'")]
    assert len(names) == 9
    for name in names:
        stored = DeltaTable(demo.table("result", name)).to_pyarrow_table().drop_columns(["run_id", "run_time"])
        asked = json.loads(demo.run("query", name, "--format", "json"))
        assert rows(stored) == sorted(json.dumps(row, sort_keys=True) for row in asked), name
