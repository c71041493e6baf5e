"""The daily job on a Spark session: what `pipelines/pinterest` says, cleaned and asked by Spark's own SQL."""

import json
from pathlib import Path

PIPELINE = Path(__file__).resolve().parents[2] / "pipelines" / "pinterest"
STREAMS = {
    "pin": (
        "unique_id",
        "index bigint, unique_id string, title string, description string, poster_name string, follower_count string, tag_list string, "
        "is_image_or_video string, image_src string, downloaded bigint, save_location string, category string",
    ),
    "geo": ("ind", "ind bigint, timestamp string, latitude double, longitude double, country string"),
    "user": ("ind", "ind bigint, first_name string, last_name string, age bigint, date_joined string"),
}


def clean_and_ask(spark, table_format, source, out, is_tiny):
    """Cleans each stream into a table of one row a key, and answers the questions on the tables."""
    for stream, (key, schema) in STREAMS.items():
        events = source / "s3" / "topics" / f"SYN.{stream}" if is_tiny else source / "ndjson" / f"{stream}.json"
        spark.read.schema(schema).json(str(events)).createOrReplaceTempView("input")
        rows = spark.sql((PIPELINE / "streams" / f"{stream}.sql").read_text(encoding="utf-8")).dropDuplicates([key])
        table = str(out / "tables" / stream)
        rows.write.format(table_format).save(table)
        spark.read.format(table_format).load(table).createOrReplaceTempView(stream)
    answers = {}
    for file in sorted((PIPELINE / "queries").glob("*.sql")):
        answers[file.stem] = [list(row) for row in spark.sql(file.read_text(encoding="utf-8")).collect()]
    (out / "answers.json").write_text(json.dumps(answers), encoding="utf-8")
