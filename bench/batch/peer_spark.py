#!/usr/bin/env python3
"""The batch lane's work in Spark: the pipeline's own SQL, each file as it is.

    peer_spark.py SOURCE OUT [files]

Spark by itself has no Delta writer: its tables are Parquet.
"""

import sys
from pathlib import Path

from spark_job import clean_and_ask


def main():
    from pyspark.sql import SparkSession

    settings = {"spark.driver.memory": "6g", "spark.sql.shuffle.partitions": "2", "spark.ui.enabled": "false", "spark.sql.session.timeZone": "UTC"}
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    clean_and_ask(spark, "parquet", Path(sys.argv[1]), Path(sys.argv[2]), len(sys.argv) > 3)
    gateway = spark.sparkContext._gateway
    spark.stop()
    # Its virtual machine is a process of its own: waited for, its time and memory are counted as this one's.
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait()


if __name__ == "__main__":
    main()
