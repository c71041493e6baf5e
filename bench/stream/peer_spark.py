#!/usr/bin/env python3
"""The stream lane's work in Spark Structured Streaming: text -> from_json -> the same cleaning -> one row a key -> Parquet.

    peer_spark.py PIN.json OUT ROWS_A_BATCH

Prints a JSON object. The first two micro-batches, in which the JVM warms up, do not count.
"""

import json
import statistics
import sys
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench" / "batch"))

from spark_job import PIPELINE, STREAMS  # noqa: E402

KEY, SCHEMA = STREAMS["pin"]


def split(source, folder, rows):
    """The events as files, each of which becomes a micro-batch."""
    folder.mkdir(parents=True, exist_ok=True)
    part, lines = 0, []
    with open(source, "rb") as events:
        for line in events:
            lines.append(line)
            if len(lines) == rows:
                (folder / f"{part:05d}.json").write_bytes(b"".join(lines))
                part, lines = part + 1, []
    if lines:
        (folder / f"{part:05d}.json").write_bytes(b"".join(lines))


def cleaned(spark, folder):
    sql = (PIPELINE / "streams" / "pin.sql").read_text(encoding="utf-8")
    text = spark.readStream.option("maxFilesPerTrigger", 1).text(str(folder))
    text.select(F.from_json("value", SCHEMA).alias("event")).select("event.*").createOrReplaceTempView("input")
    return spark.sql(sql).dropDuplicates([KEY])


def main():
    source, out, rows = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    split(source, out / "in", rows)
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "6g")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    query = (
        cleaned(spark, out / "in")
        .writeStream.format("parquet")
        .option("checkpointLocation", str(out / "checkpoint"))
        .trigger(availableNow=True)
        .start(str(out / "table"))
    )
    query.awaitTermination()
    batches = [batch for batch in query.recentProgress if batch["numInputRows"]][2:]
    rows = sum(batch["numInputRows"] for batch in batches)
    seconds = sum(batch["durationMs"]["triggerExecution"] for batch in batches) / 1000
    batch_ms = statistics.median(batch["durationMs"]["triggerExecution"] for batch in batches)
    print(json.dumps({"events": rows, "seconds": seconds, "events_per_second": rows / seconds, "batch_ms": batch_ms}))
    spark.stop()


if __name__ == "__main__":
    main()
