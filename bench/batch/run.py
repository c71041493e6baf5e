#!/usr/bin/env python3
"""The batch lane beside its peers: whole processes on the same input, in turns, on this machine.

    bench/batch/run.py target/release/pinflow [--rows 1000000] [--runs 3] [--only tiny,full,daily] [--peers duckdb,polars]

Needs numpy, and the peers: `pip install numpy duckdb polars deltalake`, for `--peers spark,sail` also `pip install 'pyspark[connect]==4.2.*' pysail==0.7.2`
and a Java 17. Prints a Markdown table: wall time, CPU time (user and system) and the largest resident set, each the median of the runs. Fails where
the answers of two programs differ.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars

HERE = Path(__file__).resolve().parent
TOPICS = ("pin", "geo", "user")
TINY_ROWS = 11_000

# `percentile_approx` is exact here, and an approximation where groups are large there.
MEDIANS = {"median_followers_by_age_group", "median_followers_by_join_year", "median_followers_by_join_year_and_age_group"}
NOT_COMPARED = {"spark": MEDIANS, "sail": MEDIANS}


def measure(command, log):
    """Wall seconds, CPU seconds and peak MiB of a process that has to succeed."""
    # What was written before must not wait for the disk now.
    os.sync()
    began = time.monotonic()
    with open(log, "w", encoding="utf-8") as out:
        process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]} failed, see below\n{Path(log).read_text(encoding='utf-8')[-2000:]}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def answers_of(data):
    """What a run of pinflow has answered, by question."""
    answers = {}
    for table in sorted((data / "tables" / "result").iterdir()):
        rows = polars.read_delta(str(table))
        last = rows.filter(polars.col("run_time") == polars.col("run_time").max())
        answers[table.name] = last.drop("run_id", "run_time").rows()
    return answers


def plain(answers):
    """Answers as texts that can be compared, in no order."""
    return {name: sorted(json.dumps(list(row)) for row in rows) for name, rows in answers.items()}


def generate(folder, rows, layout):
    """Events of three topics, once for each size."""
    if not (folder / "done").exists():
        command = [sys.executable, HERE / "generate.py", "--n", str(rows), "--out", folder, "--layout", layout]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (folder / "done").touch()
    return folder


def pipeline(work):
    """The built-in pipeline with a job that cleans and asks: the stream lane has nothing here to be compared with."""
    folder = work / "pipeline"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(HERE.parent.parent / "pipelines" / "pinterest", folder)
    file = folder / "pipeline.yaml"
    text = file.read_text(encoding="utf-8").replace('      - reconcile: "*"\n', "")
    file.write_text(text, encoding="utf-8")
    return folder


def archive(folder, source, first=0, rows=None):
    """The events of each topic as one object; `rows` of them from the row `first` on."""
    for topic in TOPICS:
        place = folder / "topics" / f"SYN.{topic}" / "partition=0"
        place.mkdir(parents=True, exist_ok=True)
        target = place / f"SYN.{topic}+0+{first:010d}.json"
        if target.exists():
            continue
        if rows is None:
            os.link(source / "ndjson" / f"{topic}.json", target)
            continue
        with open(source / "ndjson" / f"{topic}.json", "rb") as lines, open(target, "wb") as out:
            for number, line in enumerate(lines):
                if number >= first + rows:
                    break
                if number >= first:
                    out.write(line)
    return folder


class Bench:
    def __init__(self, arguments, work):
        self.pinflow, self.runs, self.work = arguments.pinflow.resolve(), arguments.runs, work
        self.peers = [peer for peer in arguments.peers.split(",") if peer]
        self.pipeline = pipeline(work)

    def job(self, data, archive, *task):
        settings = ["-c", "archive.read_only=true", "-c", f"archive.folder={archive}", "--set", "user_id=SYN"]
        command = [self.pinflow, "--data", data, "--pipeline", self.pipeline, *settings, "run", *(task or ["daily"])]
        return measure(command, self.work / "pinflow.log")

    def fresh(self):
        data = self.work / "data"
        shutil.rmtree(data, ignore_errors=True)
        return data

    def peer(self, name, source, files):
        out = self.work / f"out-{name}"
        shutil.rmtree(out, ignore_errors=True)
        command = [sys.executable, HERE / f"peer_{name}.py", source, out, *(["files"] if files else [])]
        return measure(command, self.work / f"{name}.log")

    def check_answers(self):
        """The last run of each peer has answered what pinflow has."""
        ours = plain(answers_of(self.work / "data"))
        for peer in self.peers:
            theirs = plain(json.loads((self.work / f"out-{peer}" / "answers.json").read_text(encoding="utf-8")))
            compared = (ours | theirs).keys() - NOT_COMPARED.get(peer, set())
            different = [name for name in sorted(compared) if ours.get(name) != theirs.get(name)]
            if different:
                sys.exit(f"pinflow and {peer} have different answers: {', '.join(different)}")

    def compare(self, title, runners):
        """Runs all of them in turns."""
        results = {name: [] for name in runners}
        for _ in range(self.runs):
            for name, runner in runners.items():
                results[name].append(runner())
        for name, measured in results.items():
            wall, cpu, memory = (statistics.median(column) for column in zip(*measured))
            print(f"| {title} | {name} | {wall:.2f} s | {cpu:.2f} s | {memory:.0f} MiB |", flush=True)

    def tiny(self, _):
        source = generate(self.work / f"tiny-{TINY_ROWS}", TINY_ROWS, "both")
        runners = {"pinflow": lambda: self.job(self.fresh(), source / "s3")}
        runners |= {peer: (lambda peer=peer: self.peer(peer, source, True)) for peer in self.peers}
        self.compare(f"{3 * TINY_ROWS:,} objects of one record", runners)
        self.check_answers()
        three = archive(self.work / "tiny-three", source)
        self.compare("the same in three objects", {"pinflow": lambda: self.job(self.fresh(), three)})

    def full(self, rows):
        source = generate(self.work / f"full-{rows}", rows, "ndjson")
        objects = archive(self.work / f"archive-{rows}", source)
        runners = {"pinflow": lambda: self.job(self.fresh(), objects)}
        runners |= {peer: (lambda peer=peer: self.peer(peer, source, False)) for peer in self.peers}
        self.compare(f"{rows:,} rows a topic", runners)
        self.check_answers()

    def daily(self, rows):
        """One percent arrives after a full run."""
        more = max(1, rows // 100)
        source = generate(self.work / f"full-{rows}", rows, "ndjson")
        objects = self.work / f"daily-{rows}"
        results = []
        for _ in range(self.runs):
            shutil.rmtree(objects, ignore_errors=True)
            data = self.fresh()
            archive(objects, source, 0, rows - more)
            full = self.job(data, objects)
            archive(objects, source, rows - more, more)
            results.append((full, self.job(data, objects)))
        after, _ = answers_of(data), self.job(self.fresh(), objects)
        if plain(after) != plain(answers_of(self.work / "data")):
            sys.exit("a day's run and a run over all have different answers")
        for index, title in enumerate(["before", "one percent more"]):
            wall, cpu, memory = (statistics.median(column) for column in zip(*(pair[index] for pair in results)))
            print(f"| daily, {rows:,} rows: {title} | pinflow | {wall:.2f} s | {cpu:.2f} s | {memory:.0f} MiB |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pinflow", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="tiny,full,daily")
    parser.add_argument("--peers", default="duckdb,polars")
    parser.add_argument("--work", type=Path, help="where data is kept for the next time [default: a temporary folder]")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = (arguments.work or Path(temporary)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        bench = Bench(arguments, work)
        print("| input | program | wall | CPU | peak memory |\n|---|---|---|---|---|")
        for name in arguments.only.split(","):
            getattr(bench, name)(arguments.rows)


if __name__ == "__main__":
    main()
