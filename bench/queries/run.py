#!/usr/bin/env python3
"""The nine questions on cleaned tables: a pinflow node beside DuckDB on the same Delta tables, in turns, on this machine.

    bench/queries/run.py target/release/pinflow [--rows 5000000] [--runs 5] [--threads 2] [--work FOLDER]

Needs `pip install numpy duckdb deltalake requests`. Both answer warm: the first answer of each is thrown away. Prints a Markdown table with the
median of the runs, and fails where the answers differ. The events are those of `bench/batch`; with `--work` they and the tables are kept for the
next time.
"""

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import requests
from deltalake import DeltaTable

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
sys.path[:0] = [str(REPOSITORY / "bench" / "batch"), str(REPOSITORY / "tests" / "peers")]

import run as batch  # noqa: E402
from duckdb_answers import ANSWERS, VIEWS  # noqa: E402


class Node:
    """A node on the tables."""

    def __init__(self, pinflow, data, settings):
        self.process = subprocess.Popen([pinflow, *settings, "serve", "--port", "0"], stdout=subprocess.DEVNULL)
        address = data / "node.json"
        while not address.exists():
            if self.process.poll() is not None:
                sys.exit("the node does not start")
            time.sleep(0.1)
        self.url = json.loads(address.read_text())["url"]
        self.session = requests.Session()

    def ask(self, sql):
        reply = self.session.post(self.url + "api/sql", data=sql.encode(), headers={"content-type": "application/sql"}, timeout=600)
        if not reply.ok:
            sys.exit(reply.text)
        return [tuple(row.values()) for row in reply.json()]

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


def tables(pinflow, rows, work):
    """Cleaned tables in a data folder; made once for each size. The settings that commands on it need."""
    data, pipeline = work / f"tables-{rows}", batch.pipeline(work)
    source = batch.generate(work / f"full-{rows}", rows, "ndjson")
    archive = batch.archive(work / f"archive-{rows}", source)
    settings = ["--data", data, "--pipeline", pipeline, "-c", "archive.read_only=true", "-c", f"archive.folder={archive}", "--set", "user_id=SYN"]
    if not (data / "done").exists():
        subprocess.run([pinflow, *settings, "run", "daily"], check=True, stdout=subprocess.DEVNULL)
        (data / "done").touch()
    return data, settings


def peer(data, threads):
    connection = duckdb.connect(config={"threads": threads})
    connection.execute("SET TimeZone = 'UTC'")
    for stream in ("pin", "geo", "user"):
        files = DeltaTable(str(data / "tables" / "batch" / stream)).file_uris()
        connection.execute(f'CREATE VIEW "{stream}" AS SELECT * FROM read_parquet({files})')
    connection.execute(VIEWS)
    return connection


def timed(ask):
    began = time.perf_counter()
    rows = ask()
    return time.perf_counter() - began, rows


def plain(rows):
    return sorted(json.dumps(row) for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pinflow", type=Path)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2, help="of DuckDB; pinflow takes the processors that there are")
    parser.add_argument("--only", default=",".join(ANSWERS))
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = (arguments.work or Path(temporary)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        pinflow = arguments.pinflow.resolve()
        data, settings = tables(pinflow, arguments.rows, work)
        connection, node = peer(data, arguments.threads), Node(pinflow, data, settings)
        try:
            print(f"| question, {arguments.rows:,} rows | pinflow | DuckDB | DuckDB / pinflow |\n|---|---|---|---|")
            for name in arguments.only.split(","):
                sql = (REPOSITORY / "pipelines" / "pinterest" / "queries" / f"{name}.sql").read_text()
                runners = {"pinflow": lambda: node.ask(sql), "DuckDB": lambda: connection.execute(ANSWERS[name]).fetchall()}
                times = {runner: [] for runner in runners}
                for _ in range(arguments.runs + 1):
                    answers = {}
                    for runner, ask in runners.items():
                        took, answers[runner] = timed(ask)
                        times[runner].append(took)
                    if plain(answers["pinflow"]) != plain(answers["DuckDB"]):
                        sys.exit(f"the answers to {name} differ")
                ours, theirs = (statistics.median(times[runner][1:]) for runner in runners)
                print(f"| {name} | {ours:.3f} s | {theirs:.3f} s | {theirs / ours:.2f} |", flush=True)
        finally:
            node.stop()


if __name__ == "__main__":
    main()
