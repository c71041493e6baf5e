"""The emulator draws its events from a real MariaDB, addressed by URL and by the original's credentials file."""

import os
from urllib.parse import unquote, urlsplit

import pymysql


def connect(url):
    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname,
        port=parts.port,
        user=parts.username,
        password=unquote(parts.password),
        database=parts.path.strip("/"),
        autocommit=True,
    )


def empty(url):
    with connect(url) as database, database.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pinterest_data, geolocation_data, user_data")


def test_the_emulator_posts_rows_of_a_mariadb(node, tmp_path):
    url = os.environ["PINFLOW_TEST_MYSQL_URL"]
    empty(url)
    node.run("source", "load", url, "--rows", "300")
    node.run("emulate", "--source", url, "--events", "120")

    parts = urlsplit(url)
    credentials = tmp_path / "db_creds.yaml"
    credentials.write_text(
        f"HOST: {parts.hostname}\nUSER: {parts.username}\nPASSWORD: '{unquote(parts.password)}'\n"
        f"DATABASE: {parts.path.strip('/')}\nPORT: {parts.port}\n"
    )
    node.run("emulate", "--credentials", str(credentials), "--events", "80")
    node.settle()
    node.run("run", "daily")
    node.run("reconcile")
    for row in node.balance():
        assert row["accepted"] == 200 and row["balances"], row

    with connect(url) as database, database.cursor() as cursor:
        for stored in node.rows("SELECT ind, country, timestamp FROM geo"):
            cursor.execute("SELECT country, timestamp FROM geolocation_data WHERE ind = %s", (stored["ind"],))
            country, time = cursor.fetchone()
            assert (stored["country"], stored["timestamp"]) == (country, str(time))
    empty(url)
