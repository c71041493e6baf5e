"""At several seeds and sizes of generated data: cleaned tables and all nine answers are those that DuckDB finds in the raw events."""

import datetime
import json

import pytest
from deltalake import DeltaTable

from conftest import Pinflow
from duckdb_answers import ANSWERS, TABLES, of_events

# Few draws make ties, groups without a value, and medians of two.
SIZES = [(3, 40), (11, 700), (2024, 6000)]


@pytest.fixture(scope="module", params=SIZES, ids=lambda size: f"seed{size[0]}-{size[1]}events")
def drawn(request, tmp_path_factory):
    """A data folder with generated events, and what DuckDB makes of them."""
    seed, events = request.param
    pinflow = Pinflow(tmp_path_factory.mktemp("answers"))
    pinflow.run("demo", "--exit", "--events", str(events), "--seed", str(seed), "--batch", "500", "--port", "0")
    topics = pinflow.data / "archive" / "topics"
    return pinflow, of_events({stream: f"{topics}/demo.{stream}/partition=0/*.json" for stream in TABLES})


def plain(value):
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None).isoformat(sep=" ")
    return value


def rows(columns, tuples) -> list[str]:
    return sorted(json.dumps({name: plain(value) for name, value in zip(columns, row)}, ensure_ascii=False) for row in tuples)


def found_by_duckdb(connection, sql) -> list[str]:
    result = connection.execute(sql)
    return rows([column[0] for column in result.description], result.fetchall())


def found_in(table) -> list[str]:
    return rows(table.column_names, [tuple(row.values()) for row in table.to_pylist()])


@pytest.mark.parametrize("stream", TABLES)
def test_cleaned_tables(drawn, stream):
    pinflow, duckdb = drawn
    ours = found_in(DeltaTable(pinflow.table("batch", stream)).to_pyarrow_table())
    assert ours and ours == found_by_duckdb(duckdb, f'SELECT * FROM "{stream}"')


@pytest.mark.parametrize("question", ANSWERS)
def test_answers(drawn, question):
    pinflow, duckdb = drawn
    stored = DeltaTable(pinflow.table("result", question)).to_pyarrow_table().drop_columns(["run_id", "run_time"])
    assert found_in(stored) == found_by_duckdb(duckdb, ANSWERS[question])
