#!/usr/bin/env python3
"""The batch lane's work in Sail, a Spark Connect server in Rust: the pipeline's own SQL, each file as it is, into Delta tables.

    peer_sail.py SOURCE OUT [files]
"""

import sys
from pathlib import Path

from pysail.spark import SparkConnectServer
from pyspark.sql import SparkSession

from spark_job import clean_and_ask


def main():
    server = SparkConnectServer()
    server.start(background=True)
    host, port = server.listening_address
    spark = SparkSession.builder.remote(f"sc://{host}:{port}").getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    clean_and_ask(spark, "delta", Path(sys.argv[1]), Path(sys.argv[2]), len(sys.argv) > 3)
    spark.stop()
    server.stop()


if __name__ == "__main__":
    main()
