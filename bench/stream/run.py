#!/usr/bin/env python3
"""The stream lane: sustained rate beside Spark Structured Streaming, freshness, a long backlog, and a growing table.

    bench/stream/run.py [--only sustained,freshness,backlog,growth] [--rows 1000000] [--runs 3]

Builds the benchmark `lanes` of the crate `pinflow-lane`. Needs numpy, and for the peer pyspark with a Java:
`pip install numpy pyspark`. Prints Markdown.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

# As `pinflow` itself sets them: see crates/cli/src/allocator.rs.
ALLOCATOR = {"MIMALLOC_ALLOW_THP": "0", "MIMALLOC_PURGE_DELAY": "10000"}
HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent


def build():
    """The benchmark's program."""
    command = ["cargo", "bench", "--no-run", "-p", "pinflow-lane", "--bench", "lanes", "--message-format", "json"]
    built = subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE)
    messages = [json.loads(line) for line in built.stdout.splitlines() if line.startswith(b"{")]
    programs = [message["executable"] for message in messages if message.get("target", {}).get("name") == "lanes"]
    return next(program for program in programs if program)


class Bench:
    def __init__(self, arguments, work):
        self.arguments, self.work = arguments, work
        self.program = arguments.program or build()

    def events(self):
        """The file of each stream's events."""
        folder = self.work / f"full-{self.arguments.rows}"
        if not (folder / "done").exists():
            generator = REPOSITORY / "bench" / "batch" / "generate.py"
            command = [sys.executable, generator, "--n", str(self.arguments.rows), "--out", folder]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            (folder / "done").touch()
        return folder / "ndjson"

    def lanes(self, *parameters):
        """The results that a run of the benchmark prints."""
        command = [str(part) for part in (self.program, *parameters)]
        with tempfile.TemporaryDirectory(dir=self.work) as place:
            run = subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**ALLOCATOR, **os.environ, "TMPDIR": place})
        return [json.loads(line) for line in run.stdout.splitlines()]

    def drained(self, place, stream):
        """One run over a log that is there."""
        tables = self.work / "tables"
        shutil.rmtree(tables, ignore_errors=True)
        tables.mkdir()
        result = self.lanes("drain", place, stream, tables)[0]
        shutil.rmtree(tables)
        return result

    def filled(self, stream, rounds):
        place = self.work / f"log-{stream}"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        self.lanes("fill", place, self.events() / f"{stream}.json", stream, rounds)
        return place

    def spark(self):
        out = self.work / "out-spark"
        shutil.rmtree(out, ignore_errors=True)
        command = [sys.executable, HERE / "peer_spark.py", self.events() / "pin.json", out, "80000"]
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return json.loads(run.stdout.splitlines()[-1])

    def sustained(self):
        """In turns: the lane on a log that was filled before, the peer on files that were written before."""
        place = self.filled("pin", 1)
        runs = [(self.drained(place, "pin"), None if self.arguments.no_peer else self.spark()) for _ in range(self.arguments.runs)]
        shutil.rmtree(place)
        ours = statistics.median(lane["events_per_second"] for lane, _ in runs)
        cpu = statistics.median(lane["cpu_seconds"] / lane["events"] * 1e6 for lane, _ in runs)
        print("| program | events/s | CPU an event | ratio |\n|---|---|---|---|")
        print(f"| pinflow, pins | {ours:,.0f} | {cpu:.2f} us | |")
        if not self.arguments.no_peer:
            peer = statistics.median(spark["events_per_second"] for _, spark in runs)
            print(f"| Spark Structured Streaming | {peer:,.0f} | | {ours / peer:.1f} |")

    def freshness(self):
        result = self.lanes("freshness", self.events() / "pin.json", "pin", 20_000, 20)[0]
        print(f"\n20,000 events/s take {result['cores']:.2f} cores.\n\n| seen | p50 | p99 | most |\n|---|---|---|---|")
        for name, title in (("committed", "in the committed table"), ("fresh_view", "in the fresh view")):
            times = result[name]
            print(f"| {title} | {times['p50_ms']:.0f} ms | {times['p99_ms']:.0f} ms | {times['max_ms']:.0f} ms |")

    def backlog(self):
        """Ten million events in all."""
        place = self.filled("pin", max(1, 10_000_000 // self.arguments.rows))
        result = self.drained(place, "pin")
        shutil.rmtree(place)
        print(
            f"\nA backlog of {result['events']:,} pins: {result['seconds']:.1f} s, {result['events_per_second']:,.0f} events/s, "
            f"{result['commits']} commits, at most {result['peak_mib']} MiB."
        )

    def growth(self):
        results = self.lanes("growth", self.events() / "geo.json", "geo", self.arguments.large)
        print("\n| rows in the table | a batch of 20,000 takes | CPU |\n|---|---|---|")
        for result in results:
            print(f"| {result['table_rows']:,} | {result['median_ms']:.1f} ms | {result['cpu_ms']:.1f} ms |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--large", type=int, default=50_000_000, help="rows of the large table")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="sustained,freshness,backlog,growth")
    parser.add_argument("--no-peer", action="store_true", help="without Spark")
    parser.add_argument("--program", help="the benchmark, built before")
    parser.add_argument("--work", type=Path, help="where events are kept for the next time [default: a temporary folder]")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = (arguments.work or Path(temporary)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        bench = Bench(arguments, work)
        for name in arguments.only.split(","):
            getattr(bench, name)()


if __name__ == "__main__":
    main()
