"""Tools that know nothing of pinflow read its answers: psql and PostgreSQL drivers, and readers of Arrow, JSON and CSV over HTTP."""

import io
import json
import os
import shutil
import subprocess
import threading
import urllib.parse

import duckdb
import pandas
import pg8000.native
import psycopg
import pyarrow as pa
import pyarrow.ipc
import pytest
import requests
import sqlalchemy

from conftest import EVENTS, Node

COUNT = "SELECT category, count(*) AS n FROM batch.pin GROUP BY category"
ENDLESS = "SELECT count(*) FROM generate_series(1, 1000000000000000) AS t(value) WHERE value % 7 = 3"


@pytest.fixture(scope="module")
def served(demo, tmp_path_factory):
    """The data of the demo behind a node with a port for PostgreSQL's clients."""
    data = tmp_path_factory.mktemp("served") / "data"
    shutil.copytree(demo.data, data, ignore=shutil.ignore_patterns("node.json", "*.lock"))
    os.environ["PINFLOW_SERVING_POSTGRES"] = "127.0.0.1:0"
    try:
        with Node(data) as node:
            urls = requests.get(f"{node.url}/api/overview", timeout=10).json()["urls"]
            node.postgres = next(urllib.parse.urlsplit(url) for url in urls if url.startswith("postgresql:"))
            yield node
    finally:
        del os.environ["PINFLOW_SERVING_POSTGRES"]


def psql(served, command: str) -> str:
    address = f"postgresql://me@127.0.0.1:{served.postgres.port}/pinflow"
    done = subprocess.run(["psql", "-X", "-v", "ON_ERROR_STOP=1", "-At", "-c", command, address], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def expected(demo) -> dict:
    return {row["category"]: row["n"] for row in demo.rows(COUNT)}


def test_psql_lists_and_describes_tables(served):
    tables = psql(served, r"\dt *.*")
    for table in ["batch|pin|table", "stream|geo|table", "dead|user|table", "result|users_joined_by_year|table", "system|balance|table"]:
        assert table in tables, tables
    assert "batch|pin|table" in psql(served, r"\dt")
    described = psql(served, r"\d batch.geo")
    for column in ["ind|bigint", "country|", "timestamp|timestamp with time zone"]:
        assert column in described, described
    assert "batch" in psql(served, r"\dn")
    assert "pinflow" in psql(served, r"\l")


def test_the_search_path_is_what_names_mean(served):
    asked = "SELECT current_schema(), current_schemas(false), (SELECT count(*) FROM pin) = (SELECT count(*) FROM {}.pin)"
    assert psql(served, asked.format("batch")) == "batch|{batch}|t\n"
    assert psql(served, "SHOW search_path") == "batch\n"
    with psycopg.connect(f"postgresql://me@127.0.0.1:{served.postgres.port}/pinflow", autocommit=True) as connection:
        connection.execute("SET search_path TO elsewhere, result")
        assert connection.execute("SELECT current_schema()").fetchone() == ("result",)
        assert connection.execute("SELECT count(*) > 0 FROM users_joined_by_year").fetchone() == (True,)
        connection.execute("SET search_path = 'nowhere'")
        assert connection.execute("SHOW search_path").fetchone() == ("result",)


def test_a_join_that_shows_nothing_is_cut_short_and_keeps_nobody_waiting(served):
    fruitless = "SELECT count(*) FROM pin a, pin b, pin c, pin d WHERE a.ind + b.ind + c.ind + d.ind = -1"
    with psycopg.connect(f"postgresql://me@127.0.0.1:{served.postgres.port}/pinflow", autocommit=True) as connection:
        connection.execute("SET statement_timeout = 2000")
        asking = threading.Thread(target=lambda: pytest.raises(psycopg.Error, connection.execute, fruitless))
        asking.start()
        while asking.is_alive():
            assert requests.get(f"{served.url}/healthz", timeout=10).ok
        asking.join()
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_psql_reads_rows(demo, served):
    rows = dict(line.split("|") for line in psql(served, COUNT).splitlines())
    assert {category or None: int(n) for category, n in rows.items()} == expected(demo)
    assert psql(served, "SELECT count(*) FROM stream.pin") == psql(served, "SELECT count(*) FROM pin")
    assert int(psql(served, "SELECT count(*) FROM latest.users_joined_by_year")) == 6
    refused = subprocess.run(["psql", "-X", "-c", "DROP TABLE pin", f"postgresql://127.0.0.1:{served.postgres.port}/pinflow"], capture_output=True, text=True, timeout=60)
    assert refused.returncode != 0 and "queries only read" in refused.stderr and "HINT" in refused.stderr, refused.stderr


def test_sqlalchemy_reads_and_finds_tables(demo, served):
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://me@127.0.0.1:{served.postgres.port}/pinflow")
    with engine.connect() as connection:
        rows = connection.execute(sqlalchemy.text(COUNT)).all()
        assert {category: n for category, n in rows} == expected(demo)
        with connection.begin_nested():
            assert connection.execute(sqlalchemy.text("SELECT :number + 1"), {"number": 41}).scalar() == 42
    inspector = sqlalchemy.inspect(engine)
    assert sorted(inspector.get_table_names(schema="batch")) == ["geo", "pin", "user"]
    assert len(pandas.read_sql("SELECT ind, country FROM geo LIMIT 2", engine)) == 2
    engine.dispose()


@pytest.mark.parametrize("binary", [False, True])
def test_psycopg(demo, served, binary):
    with psycopg.connect(host="127.0.0.1", port=served.postgres.port, user="me", dbname="pinflow") as connection:
        with connection.cursor(binary=binary) as cursor:
            assert dict(cursor.execute(COUNT).fetchall()) == expected(demo)
            some = cursor.execute("SELECT ind, country, timestamp, coordinates FROM geo WHERE country = %s AND ind > %s", ("Austria", 0)).fetchall()
            assert len(some) == demo.rows("SELECT count(*) AS n FROM geo WHERE country = 'Austria' AND ind > 0")[0]["n"]
            for _, country, time, coordinates in some:
                assert country == "Austria" and time.year >= 2017 and len(coordinates) == 2
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="no cursors"), connection.cursor("named") as cursor:
            cursor.execute("SELECT ind FROM pin")


def test_pg8000(demo, served):
    connection = pg8000.native.Connection("me", host="127.0.0.1", port=served.postgres.port, database="pinflow")
    assert {category: n for category, n in connection.run(COUNT)} == expected(demo)
    assert connection.run("SELECT user_name FROM batch.user WHERE age > :age ORDER BY ind LIMIT 3", age=20)
    with pytest.raises(pg8000.exceptions.DatabaseError, match="did you mean `pin`"):
        connection.run("SELECT * FROM pinn")
    connection.close()


def test_a_query_is_cancelled_and_the_node_lives(served):
    with psycopg.connect(host="127.0.0.1", port=served.postgres.port, user="me", dbname="pinflow", autocommit=True) as connection:
        timer = threading.Timer(1, connection.cancel_safe)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute(ENDLESS)
        timer.join()
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert requests.get(f"{served.url}/healthz", timeout=10).ok


def test_pyarrow_and_duckdb_read_arrow(demo, served):
    reply = requests.post(f"{served.url}/api/sql", data=COUNT, headers={"accept": "application/vnd.apache.arrow.stream"}, timeout=60, stream=True)
    reply.raise_for_status()
    reply.raw.decode_content = True
    answer = pa.ipc.open_stream(reply.raw).read_all()
    assert dict(zip(answer["category"].to_pylist(), answer["n"].to_pylist())) == expected(demo)
    assert duckdb.sql("SELECT sum(n) FROM answer").fetchall() == [(sum(expected(demo).values()),)]


def test_pandas_reads_csv_and_json(demo, served):
    address = f"{served.url}/api/sql?" + urllib.parse.urlencode({"sql": COUNT, "format": "csv"})
    frame = pandas.read_csv(address)
    assert frame["n"].sum() == sum(expected(demo).values())
    lines = pandas.read_json(address.replace("format=csv", "format=ndjson"), lines=True)
    whole = pandas.read_json(io.StringIO(requests.get(f"{served.url}/api/sql", params={"sql": COUNT}, timeout=60).text))
    assert lines["n"].sum() == whole["n"].sum() == frame["n"].sum()


def test_duckdb_reads_ndjson(demo, served, tmp_path):
    reply = requests.get(f"{served.url}/api/sql", params={"sql": "SELECT * FROM geo", "format": "ndjson"}, timeout=60)
    (tmp_path / "geo.ndjson").write_bytes(reply.content)
    read = duckdb.sql(f"SELECT count(*), count(DISTINCT ind) FROM read_json('{tmp_path}/geo.ndjson', format='newline_delimited')").fetchall()
    assert read == [(demo.rows("SELECT count(*) AS n FROM geo")[0]["n"],) * 2] and read[0][0] <= EVENTS


def test_an_answer_past_the_limit_is_never_whole(served):
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"{served.url}/api/sql", params={"sql": "SELECT value FROM range(0, 1000001)", "format": "csv"}, timeout=120)
    hint = requests.get(f"{served.url}/api/sql", params={"sql": "SELECT * FROM bach.pin"}, timeout=60)
    assert hint.status_code == 400 and hint.json() == {"error": "there is no table `bach.pin`", "hint": "did you mean `batch.pin`?"}


def test_the_command_line_is_given_more_than_a_hundred_thousand_rows(served):
    rows = served.run("query", "SELECT value FROM range(0, 150000)", "--format", "csv")
    assert rows.count("\n") == 150_001


def test_the_answer_of_an_older_version(served):
    now = served.rows("SELECT count(*) AS n FROM batch.pin")[0]["n"]
    assert served.rows("SELECT count(*) AS n FROM batch.pin VERSION AS OF 0")[0]["n"] < now
    stored = served.rows("SELECT query, rows FROM system.answers")
    assert len(stored) == 9 and json.dumps(stored).count("users_joined_by_year") == 1
