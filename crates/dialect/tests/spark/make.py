#!/usr/bin/env python3
"""Asks real Spark (ANSI mode off, UTC) the questions of the dialect's test, and stores its answers.

    pip install pyspark==4.3.0
    python crates/dialect/tests/spark/make.py

writes `answers.ndjson` beside this file: a statement a line, with the columns' types and the rows that Spark gave
(`"error": true` where Spark refuses). What is known to differ is listed in `differences.txt`, with reasons.
"""

import datetime
import decimal
import json
import math
import pathlib

from pyspark.sql import SparkSession, functions

HERE = pathlib.Path(__file__).parent


def quoted(text):
    """A literal that Spark and the dialect read alike."""
    if text is None:
        return "NULL"
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t") + "'"


def over(expression, values, kind="string"):
    """`expression` of `x`, on every value, as one statement."""
    rows = ", ".join(f"({i}, CAST({value} AS {kind}))" for i, value in enumerate(values))
    return f"SELECT i, {expression} AS answer FROM (VALUES {rows}) AS t(i, x) ORDER BY i"


TIMES = [
    "2020-08-28 03:52:47", "2020-08-28", "2020-08", "2020", "2020-8-2", "2020-08-28T03:52:47", "2020-08-28T03:52:47Z",
    "2020-08-28 03:52:47.1", "2020-08-28 03:52:47.123456", "2020-08-28 03:52:47.1234567890", "2020-08-28 03:52:47.",
    "2020-08-28 3:5:7", "2020-08-28 03:52", "2020-08-28 03", "2020-08-28 ", " 2020-08-28 03:52:47 ", "\t2020-08-28\n",
    "2020-08-28 03:52:47+01:00", "2020-08-28 03:52:47 +01:00", "2020-08-28 03:52:47-0130", "2020-08-28 03:52:47+1",
    "2020-08-28 03:52:47+1:0", "2020-08-28 03:52:47+18:00", "2020-08-28 03:52:47+18:01", "2020-08-28 03:52:47+01:00:30",
    "2020-08-28 03:52:47 UTC", "2020-08-28 03:52:47UTC+1", "2020-08-28 03:52:47 GMT-02:00", "2020-08-28 03:52:47 UT",
    "2020-08-28 03:52:47 Europe/Paris", "2020-03-29 02:30:00 Europe/Paris", "2020-10-25 02:30:00 Europe/Paris",
    "2020-08-28 03:52:47.5 America/New_York", "2020-08-28 03:52:47 Nowhere/City", "2020-08-28 03:52Z", "2020-08-28Z",
    "2020-13-01", "2020-02-30", "2020-02-29", "2019-02-29", "2020-00-10", "2020-08-28 24:00:00", "2020-08-28 23:59:60",
    "2020-08-28 23:60:00", "20-08-28", "202-08-28", "02020-08-28", "12020-08-28", "9999-12-31 23:59:59.999999",
    "0001-01-01", "0000-01-01", "-2020-01-01", "+2020-01-01", "1969-12-31 23:59:59.999999", "2020/08/28", "28-08-2020",
    "20200828", "2020-08-28T", "2020-08-28X03", "2020-08-28 03:52:47 x", "2020-08-28 03:52:47Zx", "abc", "", " ", "null",
    "2020-08-28  03:52:47", "2020-08-28 03:52:47.12a", "2020-08-28 -3:00:00", "2020-08-28 003:00:00", "2020-008-28",
    "1600-02-29 12:00:00", "1582-10-10", "2262-04-12 00:00:00", "1677-09-20 00:00:00", "2020-08-28 03:52:47,123", None,
]
NUMBERS = [
    "0", "1", "-1", "+1", " 12 ", "12.7", "-12.7", "12.", ".5", "-.5", ".", "-", "+", "", " ", "1e3", "1E3", "1e-3", "0x10",
    "12a", "a12", "1,000", "1_000", "12.3.4", "127", "128", "-128", "-129", "32767", "32768", "2147483647", "2147483648",
    "-2147483648", "-2147483649", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "-9223372036854775809", "99999999999999999999", "Infinity", "-Infinity", "inf", "-inf", "+inf", "INF", "NaN", "nan", "-nan",
    "infinit", "1d", "1f", "1D", "1.5F", "1L", "true", "٣", "1 2", "--1", "+-1", "1.5e", "1e400", "-1e400", "1e-400", "00012",
    "-0", "-0.0", "124k", "3M", "User Info Error", "1.005", "1.015", "2.5", "0.045", None,
]
DOUBLES = [
    "0.0", "-0.0", "1.0", "-1.5", "123.456", "1e7", "9999999.0", "12345678.0", "1e-3", "9.99e-4", "1e-10", "1.7976931348623157e308",
    "4.9e-324", "1e21", "1e22", "123456789012345680.0", "0.1", "100.0", "3.0e10", "2.5", "3.5", "-2.5", "1e19", "-1e19", "3e9", "-3e9",
]
BOOLEANS = ["true", "TRUE", "t", "T", "yes", "y", "Y", "1", "false", "f", "no", "n", "0", " true ", "tru", "2", "", "on", "off", None]
FOLLOWERS = [
    "124k", "3M", "12k", "32.3k", "1,2k", "k", "12,345", "12.5", " 77", "-5", "n/a", "User Info Error", "", "0", "0012", "9K", "1.5m",
    "99999999999999999999k", "9223372036854775807", "1m2", "1 k", "٣k", None,
]
TEXTS = ["", "a", "abc", "aXbXc", "Local save in /data/x", "Local save in Local save in /y", "été 🎉", "it's", 'say "hi"', "a\nb", "  pad  ", "\ttab\t", "a.b.c", "aaa", "A-b_c", "12 34", "C:\\dir", None]


def cases():
    yield from times()
    yield from casts()
    yield from texts()
    yield from regexes()
    yield from numbers()
    yield from logic()
    yield from aggregates()
    yield from windows()
    yield from syntax()


def times():
    values = [quoted(text) for text in TIMES]
    for expression in ["try_to_timestamp(x)", "to_timestamp(x)", "CAST(x AS timestamp)", "CAST(x AS date)", "to_date(x)",
                       "CAST(CAST(x AS timestamp) AS string)", "CAST(CAST(x AS date) AS string)", "unix_timestamp(x)",
                       "CAST(CAST(x AS timestamp) AS bigint)", "CAST(CAST(x AS timestamp) AS double)",
                       "CAST(CAST(x AS timestamp) AS date)", "CAST(CAST(x AS date) AS timestamp)"]:
        yield over(expression, values)
    parts = ["year", "quarter", "month", "day", "dayofmonth", "hour", "minute", "second", "dayofweek", "weekday", "dayofyear", "weekofyear"]
    moments = [quoted(t) for t in ["2020-08-28 03:52:47.9", "2020-12-31 23:59:59", "2021-01-01", "2021-01-03", "2021-01-04", "1969-12-31 23:59:59.5",
                                   "1970-01-01", "0001-01-01", "9999-12-31 23:59:59", "2016-02-29 12:00:00"]] + ["NULL"]
    for part in parts:
        yield over(f"{part}(x)", moments, "timestamp")
        yield over(f"{part}(x)", moments, "date")
        yield over(f"{part}(x)", moments + ["'nonsense'"])
    for part in ["YEAR", "MONTH", "DAY", "HOUR", "MINUTE"]:
        yield over(f"EXTRACT({part} FROM x)", moments, "timestamp")
    for pattern in ["yyyy-MM-dd", "yyyy", "yy/M/d", "HH:mm:ss", "yyyy-MM-dd'T'HH:mm:ss.SSS", "EEEE d MMMM yyyy", "EEE, MMM dd", "hh:mm a", "D", "DDD",
                    "''yyyy''", "SSSSSS", "yyyyMMddHHmmss"]:
        yield over(f"date_format(x, {quoted(pattern)})", moments, "timestamp")
    for text, pattern in [("2020-08-28", "yyyy-MM-dd"), ("28/08/2020", "dd/MM/yyyy"), ("28/8/2020", "dd/MM/yyyy"), ("8/2/2020", "d/M/yyyy"), ("18/12/2020", "d/M/yyyy"),
                          ("20200828", "yyyyMMdd"), ("20200828 035247", "yyyyMMdd HHmmss"), ("2020-08-28 03:52:47.123", "yyyy-MM-dd HH:mm:ss.SSS"),
                          ("2020-08-28x", "yyyy-MM-dd"), (" 2020-08-28", "yyyy-MM-dd"), ("2020-02-30", "yyyy-MM-dd"), ("2020-13-01", "yyyy-MM-dd"),
                          ("Aug 28 2020", "MMM dd yyyy"), ("28 August 2020", "dd MMMM yyyy"), ("03:52 PM 2020-08-28", "hh:mm a yyyy-MM-dd"), ("20", "yy"), ("2020", "yyyy"), ("", "yyyy")]:
        for function in ["to_timestamp", "try_to_timestamp", "to_date", "unix_timestamp"]:
            yield f"SELECT {function}({quoted(text)}, {quoted(pattern)}) AS answer"
    for seconds in ["0", "1598586767", "-1", "253402300799", "NULL"]:
        yield f"SELECT from_unixtime(CAST({seconds} AS bigint)) AS answer"
        yield f"SELECT from_unixtime(CAST({seconds} AS bigint), 'yyyy-MM-dd') AS answer"
        yield f"SELECT CAST(CAST({seconds} AS bigint) AS timestamp) AS answer"
        yield f"SELECT CAST(CAST({seconds} AS double) AS timestamp) AS answer"
    for unit in ["year", "quarter", "month", "week", "day", "hour", "minute", "second"]:
        yield over(f"date_trunc('{unit}', x)", moments, "timestamp")
    for unit in ["year", "month", "week"]:
        yield over(f"trunc(x, '{unit}')", moments, "date")
    for expression in ["date_add(x, 3)", "date_sub(x, 400)", "add_months(x, 1)", "add_months(x, -13)", "last_day(x)", "datediff(x, CAST('2020-01-01' AS date))",
                       "next_day(x, 'MON')", "x + INTERVAL 1 DAY", "x < CAST('2020-01-01' AS date)", "x = CAST('2021-01-01' AS timestamp)", "x > '2020-06-01'"]:
        yield over(expression, moments, "date")
    for expression in ["x + INTERVAL 1 DAY", "x - INTERVAL 90 MINUTE", "x > '2020-06-01'", "x BETWEEN CAST('2020-01-01' AS timestamp) AND CAST('2020-12-31' AS timestamp)",
                       "unix_timestamp(x)", "CAST(x AS bigint)", "CAST(x AS string)", "x IN (CAST('1970-01-01' AS timestamp))"]:
        yield over(expression, moments, "timestamp")
    yield "SELECT TIMESTAMP '2020-08-28 03:52:47' AS answer"
    yield "SELECT DATE '2020-08-28' AS answer"
    yield "SELECT make_date(2020, 2, 29) AS answer"


def casts():
    for kind in ["tinyint", "smallint", "int", "bigint", "float", "double", "decimal(10,2)", "decimal(20,6)", "decimal(38,0)", "decimal", "string", "boolean"]:
        yield over(f"CAST(x AS {kind})", [quoted(text) for text in NUMBERS])
        yield over(f"TRY_CAST(x AS {kind})", [quoted(text) for text in NUMBERS])
    for kind in ["tinyint", "smallint", "int", "bigint", "string", "decimal(20,4)", "float", "boolean", "timestamp"]:
        yield over(f"CAST(x AS {kind})", [f"CAST({value} AS double)" for value in DOUBLES] + ["CAST('NaN' AS double)", "CAST('Infinity' AS double)", "NULL"], "double")
    yield over("CAST(x AS string)", [f"CAST({value} AS float)" for value in ["0.1", "1.0", "16777216.0", "1e10", "3.4028235e38", "1e-5"]], "float")
    for kind in ["tinyint", "smallint", "int", "string", "double", "boolean", "decimal(5,2)", "decimal(30,2)"]:
        yield over(f"CAST(x AS {kind})", ["0", "1", "-1", "127", "128", "300", "-129", "40000", "3000000000", "-3000000000", "9223372036854775807", "NULL"], "bigint")
    for kind in ["int", "bigint", "double", "string", "decimal(5,1)", "decimal(4,3)", "boolean"]:
        yield over(f"CAST(x AS {kind})", ["0", "1.55", "-1.55", "12.5", "13.5", "999.99", "-0.04", "NULL"], "decimal(10,2)")
    yield over("CAST(x AS boolean)", [quoted(text) for text in BOOLEANS])
    for kind in ["string", "int", "double"]:
        yield over(f"CAST(x AS {kind})", ["true", "false", "NULL"], "boolean")
    yield over("CAST(x AS string)", ["DATE '2020-08-28'", "DATE '0001-01-01'", "NULL"], "date")


def texts():
    values = [quoted(text) for text in TEXTS]
    for expression in [
        "length(x)", "char_length(x)", "upper(x)", "lower(x)", "trim(x)", "ltrim(x)", "rtrim(x)", "btrim(x)", "reverse(x)", "initcap(x)", "ascii(x)",
        "concat(x, '-', x)", "x || '!'", "x || NULL", "concat(x, NULL)", "concat_ws(',', x, NULL, 'z')", "concat('n', 1)", "x || 1", "x || 1.5", "x || true",
        "nullif(x, '')", "coalesce(x, 'none')", "nvl(x, 'none')", "ifnull(x, 'none')", "x = ''", "x <=> NULL", "x IS NULL",
        "replace(x, 'Local save in ', '')", "replace(x, 'a', 'bb')", "replace(x, '', 'z')", "replace(x, 'a')",
        "substring(x, 1, 2)", "substring(x, 0, 2)", "substring(x, -2)", "substring(x, -2, 1)", "substring(x, 2)", "substr(x, 2, 2)", "substr(x, -2)",
        "left(x, 2)", "right(x, 2)", "left(x, -1)", "right(x, -1)", "left(x, 0)", "lpad(x, 5, '*')", "rpad(x, 5, '*')", "lpad(x, 2, '*')", "lpad(x, 5)", "repeat(x, 2)", "repeat(x, 0)",
        "instr(x, 'b')", "locate('b', x)", "locate('a', x, 2)", "position('b' IN x)", "startswith(x, 'a')", "endswith(x, 'c')", "contains(x, 'b')",
        "x LIKE 'a%'", "x LIKE '_b_'", "x LIKE '%\\\\%%'", "x NOT LIKE '%a%'", "x ILIKE 'A%'", "x LIKE '%é%'", "translate(x, 'abc', '12')", "md5(x)", "sha2(x, 256)", "base64(CAST(x AS binary))",
        "split_part(x, '.', 2)", "split_part(x, '.', -1)", "x IN ('a', 'abc')", "x IN ('a', NULL)", "x NOT IN ('a', NULL)", "greatest(x, 'b')", "least(x, 'b')",
        "if(x = 'a', 1, 2)", "CASE WHEN x = 'a' THEN 'one' WHEN x IS NULL THEN 'none' END", "CASE x WHEN 'a' THEN 1 ELSE 0 END", "nvl2(x, 'y', 'n')", "x > 'a'", "x BETWEEN 'a' AND 'b'",
        "isnull(x)", "isnotnull(x)", "levenshtein(x, 'abc')", "octet_length(x)", "overlay(x PLACING '_' FROM 2)", "substring_index(x, '.', 2)", "chr(65)", "space(3)", "trim(BOTH 'a' FROM x)", "trim(LEADING 'a' FROM x)", "hash(1)",
    ]:
        yield over(expression, values)


def regexes():
    values = [quoted(text) for text in TEXTS + FOLLOWERS]
    patterns = ["a", "^a", "c$", "[a-c]+", "\\d+", "\\w", "\\s", "\\D", "[^\\d]", "a.b", "(?i)A", "", "^$", "a|b", "(a)(b)?", "\\.", "[.]", "x*", "^[0-9]+[kK]$",
                "\\p{L}", "\\bdata\\b", "^Local save in ", "é", "[\\w-]+", "a{2}", "(?s)a.b", "\\Qa.b\\E", "\\/", "\\S+$", "[[a-b]]"]
    for pattern in patterns:
        yield over(f"x RLIKE {quoted(pattern)}", values)
        yield over(f"regexp_replace(x, {quoted(pattern)}, '#')", values)
    for pattern in ["X", "\\.", "[.]", ",", "a", "", " ", "(b)", "x*", "[aX]", "\\s+"]:
        for limit in [None, -1, 0, 1, 2]:
            yield over(f"split(x, {quoted(pattern)}" + (")" if limit is None else f", {limit})"), values)
    for pattern, group in [("(\\d+)", None), ("(\\d+)", 1), ("(\\d+)", 0), ("^(\\d+)([kKmM])$", 2), ("^([0-9.]+)(k)?", 2), ("(a)|(b)", 2), ("z", 0), ("(\\w+)\\s(\\w+)", 2), ("(a)", 2)]:
        yield over(f"regexp_extract(x, {quoted(pattern)}" + (")" if group is None else f", {group})"), values)
    for pattern, replacement in [("(a)(X?)", "$2$1"), ("a", "\\$1"), ("a", "\\\\"), ("(a)", "$1$1"), ("(a)", "<$0>"), ("b", ""), ("(a)", "$12")]:
        yield over(f"regexp_replace(x, {quoted(pattern)}, {quoted(replacement)})", values)
    yield over("x NOT RLIKE 'a'", values)
    yield over("regexp_like(x, 'a')", values)
    yield over("rlike(x, '^a')", values)
    yield over("x RLIKE NULL", values)
    yield "SELECT regexp_replace(a, b, c) AS answer FROM (VALUES ('abc', 'b', '-'), ('abc', 'c', '$0$0'), ('abc', NULL, 'x'), (NULL, 'a', 'x'), ('abc', 'a', NULL)) AS t(a, b, c) ORDER BY answer"
    yield over("CASE WHEN x RLIKE '^[0-9]+[kK]$' THEN CAST(substring(x, 1, length(x) - 1) AS bigint) * 1000 WHEN x RLIKE '^[0-9]+$' THEN CAST(x AS bigint) END", [quoted(f) for f in FOLLOWERS])
    yield over("CAST(CAST(regexp_extract(x, '^([0-9]+([.][0-9]+)?)[kK]$', 1) AS decimal(20, 6)) * 1000 AS bigint)", [quoted(f) for f in FOLLOWERS])


def numbers():
    wholes = ["0", "1", "-1", "7", "-7", "10", "9223372036854775807", "-9223372036854775808", "NULL"]
    for expression in ["x / 2", "x / 0", "x % 3", "x % 0", "x DIV 2", "x DIV 0", "x DIV -1", "10 DIV x", "10 DIV 3 + 1", "10 - 4 DIV 3 * 2", "x + 1", "x - 1", "x * 2", "-x", "abs(x)", "x / 3", "mod(x, 3)", "pmod(x, 3)", "x & 3", "x | 8", "x ^ 1",
                       "sign(x)", "sqrt(x)", "round(x, -1)", "bround(x, -1)", "CAST(x AS double) / 3", "x = 7", "x = '7'", "x > '5'", "'7' = x", "x + '1'", "x IN (1, 7)", "x BETWEEN -1 AND 7", "greatest(x, 3)", "least(x, 3, NULL)", "pow(x, 2)", "x + 0.5", "x * 1.5", "x > 0.5", "nullif(x, 7)",
                       "coalesce(x, 0)", "if(x > 0, x, NULL)", "CASE WHEN x > 0 THEN x ELSE 2.5 END", "bin(x)", "hex(x)", "x <=> 7", "x != 7", "x <> 7", "NOT x = 7", "x IS NOT NULL", "factorial(5)", "floor(x)", "ceil(x)"]:
        yield over(expression, wholes, "bigint")
    for expression in ["x + 1", "x * 2", "x / 2", "x % 3", "-x", "abs(x)", "x DIV 2"]:
        yield over(expression, ["0", "7", "-7", "2147483647", "-2147483648", "NULL"], "int")
    doubles = [f"CAST({value} AS double)" for value in DOUBLES] + ["CAST('NaN' AS double)", "CAST('Infinity' AS double)", "NULL"]
    for expression in ["x / 2", "x / 0", "1 / x", "x % 3", "round(x)", "round(x, 2)", "bround(x)", "bround(x, 1)", "floor(x)", "ceil(x)", "abs(x)", "sqrt(x)", "ln(x)", "exp(x)", "x + 1", "x = 2.5", "x > 1", "isnan(x)", "nanvl(x, 0)", "signum(x)", "x = x", "x < CAST('NaN' AS double)", "rint(x)", "trunc(5.0)", "x || ''", "x IN (2.5, 100)", "nullif(x, 0)", "log10(x)", "power(x, 2)"]:
        yield over(expression, doubles, "double")
    decimals = ["0", "1.50", "-2.25", "1234.56", "NULL"]
    for expression in ["x + 1", "x + 1.5", "x * 2.5", "x - 0.001", "x * 1000", "x / 2", "x / 3.0", "x % 1", "round(x, 1)", "bround(x, 1)", "floor(x)", "ceil(x)", "-x", "abs(x)", "x = 1.5", "x > 1", "x + CAST(1 AS double)", "CAST(x AS string)", "CAST(x AS bigint)", "sum(x) OVER ()", "x = '1.5'", "x * x"]:
        yield over(expression, decimals, "decimal(10,2)")
    for literal in ["1", "1.5", "1e3", "1.5e0", "1L", "1.5D", "0.1 + 0.2", "1 + 1", "2147483647 + 1", "1 / 3", "3 / 2", "-7 % 3", "-7 / 2", "1.0 / 3", "2.0 / 3.0", "100.0 * 1 / 3", "1 = 1.0", "5 DIV 2", "round(2.5)", "round(-2.5)", "round(2.345, 2)", "bround(2.5D)", "pi()", "try_divide(1, 0)", "'a' = 1", "'1' + 1", "'1.5' * 2", "NULL + 1", "NULL = NULL", "1 <=> NULL", "true AND NULL", "false AND NULL", "true OR NULL", "NOT NULL", "1 > 0 AND 2 > 1", "!true"]:
        yield f"SELECT {literal} AS answer"


def logic():
    yield "SELECT a, b, a AND b AS c, a OR b AS d, NOT a AS e, a = b AS f FROM (VALUES (true, true), (true, false), (true, NULL), (false, NULL), (NULL, NULL)) AS t(a, b) ORDER BY a, b"
    rows = "(VALUES (1, 'b'), (2, 'a'), (NULL, 'c'), (3, NULL)) AS t(n, s)"
    for order in ["n", "n DESC", "s", "s DESC", "n NULLS LAST", "n DESC NULLS FIRST", "s DESC NULLS LAST, n", "1", "2 DESC"]:
        yield f"SELECT n, s FROM {rows} ORDER BY {order}"
    yield f"SELECT n, s FROM {rows} ORDER BY n LIMIT 2"
    yield f"SELECT n, s FROM {rows} ORDER BY n LIMIT 2 OFFSET 1"
    arrays = "(SELECT array(1.5D, NULL, 2.5D) AS a UNION ALL SELECT array(7D) UNION ALL SELECT CAST(NULL AS array<double>)) AS t"
    for expression in ["element_at(a, 1)", "element_at(a, 2)", "element_at(a, 3)", "element_at(a, 4)", "element_at(a, -1)", "a[0]", "a[2]", "a[3]", "a[-1]", "get(a, 0)", "get(a, 9)", "size(a)", "array_contains(a, 7D)", "a IS NULL", "cardinality(a)"]:
        yield f"SELECT {expression} AS answer FROM {arrays} ORDER BY answer"
    yield "SELECT array(1, 2, 3) AS answer"
    yield "SELECT array('a', NULL) AS answer"
    yield "SELECT array(CAST(NULL AS double), 1.5D) AS answer"
    yield "SELECT array() AS answer"
    yield "SELECT array_join(array('a', NULL, 'b'), ',') AS answer"
    yield "SELECT array_distinct(array(1, 2, 1)) AS answer"
    yield "SELECT element_at(split('a,b,c', ','), 2) AS answer"
    yield "SELECT split('a,b,c', ',')[0] AS answer"
    yield "SELECT element_at(array(1, 2), 0) AS answer"
    yield "SELECT concat(array(1), array(2)) AS answer"
    yield "SELECT sort_array(array(3, 1, 2)) AS answer"
    yield "SELECT array_max(array(3, 1, 2)) AS answer"


def aggregates():
    rows = "(VALUES ('x', 1, 1.5D, 'a'), ('x', 2, 2.5D, NULL), ('x', 4, NULL, 'c'), ('x', NULL, 4.5D, 'a'), ('y', 7, 0.5D, 'd'), ('z', NULL, NULL, NULL), (NULL, 3, 1D, 'e')) AS t(g, n, d, s)"
    for expression in [
        "count(*)", "count(n)", "count(1)", "count(DISTINCT s)", "sum(n)", "sum(d)", "avg(n)", "avg(d)", "min(n)", "max(n)", "min(s)", "max(s)", "min(d)",
        "percentile_approx(n, 0.5)", "percentile_approx(d, 0.5)", "percentile_approx(n, 0)", "percentile_approx(n, 1)", "percentile_approx(n, 0.25)", "percentile_approx(n, 0.75)", "percentile_approx(n, array(0.25, 0.5, 0.75))", "percentile_approx(d, 0.5, 10000)", "approx_percentile(n, 0.9)", "percentile_approx(CAST(n AS bigint), 0.5)",
        "sum(CASE WHEN n > 1 THEN 1 ELSE 0 END)", "count(*) FILTER (WHERE n > 1)", "sum(n) FILTER (WHERE n > 100)", "avg(CAST(n AS decimal(10,2)))", "sum(CAST(n AS decimal(10,2)))", "stddev(n)", "stddev_pop(n)", "variance(n)", "var_pop(d)", "stddev_samp(d)", "bool_and(n > 0)", "bool_or(n > 3)", "count(n) * 2 + 1", "max(n) / count(n)",
        "median(n)", "count_if(n > 1)", "first(g)", "any_value(g)", "max_by(s, n)", "corr(n, d)", "sort_array(collect_list(n))", "approx_count_distinct(s)", "mode(s)", "sum(DISTINCT n)", "every(n > 0)",
    ]:
        yield f"SELECT g, {expression} AS answer FROM {rows} GROUP BY g ORDER BY g"
        yield f"SELECT {expression} AS answer FROM {rows} WHERE g = 'nobody'"
    yield f"SELECT g, count(*) AS c FROM {rows} GROUP BY g HAVING count(*) > 1 ORDER BY g"
    yield f"SELECT g AS key, count(*) AS c FROM {rows} GROUP BY key ORDER BY key"
    yield f"SELECT g, count(*) AS c FROM {rows} GROUP BY 1 ORDER BY 2, 1"
    yield f"SELECT g, s, count(*) AS c FROM {rows} GROUP BY ALL ORDER BY g, s"
    yield f"SELECT DISTINCT g FROM {rows} ORDER BY g"
    yield f"SELECT g, s, count(*) AS c FROM {rows} GROUP BY ROLLUP (g, s) ORDER BY g, s, c"
    yield f"SELECT percentile_approx(n, 0.5) AS answer FROM (SELECT CAST(x AS bigint) * x AS n FROM (VALUES (5), (1), (4), (2), (3), (9)) AS v(x)) AS t"
    for share in ["0.1", "0.3", "0.5", "0.7", "0.9", "0.99"]:
        values = ", ".join(f"({i * 37 % 101})" for i in range(100))
        yield f"SELECT percentile_approx(x, {share}) AS answer FROM (VALUES {values}) AS v(x)"


def windows():
    rows = "(VALUES ('a', 1), ('a', 1), ('a', 3), ('b', 2), ('b', NULL), (NULL, 5)) AS t(g, n)"
    for expression in ["row_number() OVER (PARTITION BY g ORDER BY n)", "rank() OVER (PARTITION BY g ORDER BY n)", "dense_rank() OVER (PARTITION BY g ORDER BY n DESC)", "rank() OVER (ORDER BY n)", "sum(n) OVER (PARTITION BY g)", "count(*) OVER ()", "sum(n) OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)", "lag(n) OVER (PARTITION BY g ORDER BY n)", "lead(n, 1, 0) OVER (PARTITION BY g ORDER BY n)", "first_value(n) OVER (PARTITION BY g ORDER BY n)", "max(n) OVER (PARTITION BY g)", "ntile(2) OVER (ORDER BY n)", "percent_rank() OVER (ORDER BY n)", "cume_dist() OVER (ORDER BY n)", "rank() OVER (ORDER BY count(*) DESC)"]:
        group = " GROUP BY g, n" if "count(*) DESC" in expression else ""
        yield f"SELECT g, n, {expression} AS answer FROM {rows}{group} ORDER BY g, n, answer"
    yield f"SELECT g, n FROM {rows} QUALIFY row_number() OVER (PARTITION BY g ORDER BY n DESC) = 1 ORDER BY g"
    yield f"SELECT g, n FROM (SELECT g, n, rank() OVER (PARTITION BY g ORDER BY n DESC) AS place FROM {rows}) AS ranked WHERE place = 1 ORDER BY g, n"
    yield f"WITH c AS (SELECT g, count(*) AS k FROM {rows} GROUP BY g), r AS (SELECT g, k, rank() OVER (ORDER BY k DESC) AS place FROM c) SELECT * FROM r ORDER BY place, g"


def syntax():
    left = "(VALUES (1, 'a'), (2, 'b'), (NULL, 'c'))"
    right = "(VALUES (1, 'x'), (1, 'y'), (3, 'z'), (NULL, 'n'))"
    for join in ["JOIN", "INNER JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL OUTER JOIN", "LEFT SEMI JOIN", "LEFT ANTI JOIN"]:
        yield f"SELECT l.v FROM {left} AS l(k, v) {join} {right} AS r(k, w) ON l.k = r.k ORDER BY l.v"
    yield f"SELECT k, v, w FROM {left} AS l(k, v) JOIN {right} AS r(k, w) USING (k) ORDER BY w"
    yield f"SELECT count(*) AS answer FROM {left} AS l(k, v) CROSS JOIN {right} AS r(k, w)"
    yield "SELECT `index`, `timestamp`, `user`, `order` FROM (VALUES (1, 2, 3, 4)) AS t(`index`, `timestamp`, `user`, `order`)"
    yield "SELECT index, timestamp FROM (VALUES (1, 2)) AS t(index, timestamp)"
    yield "SELECT t.user FROM (VALUES (1)) AS t(user)"
    yield "SELECT INDEX, Timestamp FROM (VALUES (1, 2)) AS t(`index`, `timestamp`)"
    yield "WITH user AS (SELECT 1 AS ind), pin AS (SELECT 1 AS ind, 2 AS index) SELECT pin.index, user.ind FROM pin JOIN user ON pin.ind = user.ind"
    yield "SELECT 'it\\'s' AS answer"
    yield "SELECT 'it''s' AS answer"
    yield "SELECT \"double\" AS answer"
    yield "SELECT 'a\\tb\\\\c\\n\\u0041\\d\\101' AS answer"
    yield "SELECT 'Tab\\% \\_' AS answer"
    yield "SELECT 1 AS `a``b`"
    yield "SELECT 1 AS one /* note */ -- rest\n"
    yield "SELECT * FROM (VALUES (1, 'a')) AS t(n, s)"
    yield "SELECT t.* FROM (VALUES (1, 'a')) AS t(n, s)"
    yield "SELECT * EXCEPT (s) FROM (VALUES (1, 'a')) AS t(n, s)"
    yield "SELECT n FROM (SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 1) AS u ORDER BY n"
    yield "SELECT n FROM (SELECT 1 AS n UNION SELECT 2 UNION SELECT 1) AS u ORDER BY n"
    yield "SELECT n FROM (SELECT 1 AS n EXCEPT SELECT 2) AS u"
    yield "SELECT n FROM (SELECT 1 AS n INTERSECT SELECT 1) AS u"
    yield "SELECT (SELECT max(n) FROM (VALUES (1), (2)) AS t(n)) AS answer"
    yield "SELECT n FROM (VALUES (1), (2)) AS t(n) WHERE n IN (SELECT m FROM (VALUES (2)) AS s(m))"
    yield "SELECT n FROM (VALUES (1), (2)) AS t(n) WHERE EXISTS (SELECT 1 FROM (VALUES (2)) AS s(m) WHERE m = n)"
    yield "SELECT CAST(1 AS LONG) AS answer"
    yield "SELECT 1 == 1 AS answer"
    yield "SELECT named_struct('a', 1).a AS answer"
    yield "SELECT typeof(1) AS answer"


def value(item):
    if isinstance(item, float):
        return "NaN" if math.isnan(item) else item if math.isfinite(item) else ("Infinity" if item > 0 else "-Infinity")
    if isinstance(item, decimal.Decimal):
        return format(item, "f")
    if isinstance(item, datetime.datetime):
        return int((item.replace(tzinfo=datetime.timezone.utc) - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) / datetime.timedelta(microseconds=1))
    if isinstance(item, datetime.date):
        return item.isoformat()
    if isinstance(item, (bytes, bytearray)):
        return item.hex()
    if isinstance(item, (list, tuple)):
        return [value(member) for member in item]
    return item


def ask(spark, sql):
    try:
        frame = spark.sql(sql)
        columns = [field.dataType.simpleString() for field in frame.schema.fields]
        # Times leave Spark as microseconds: Python has no years outside of 1 to 9999.
        for name, kind in zip(frame.columns, columns):
            if kind == "timestamp":
                frame = frame.withColumn(name, functions.unix_micros(frame[f"`{name}`"]))
            elif kind == "date":
                frame = frame.withColumn(name, frame[f"`{name}`"].cast("string"))
        return {"sql": sql, "types": columns, "rows": [[value(item) for item in row] for row in frame.collect()]}
    except Exception as cause:  # Spark refuses: the dialect must refuse too, or the difference be named.
        return {"sql": sql, "error": True, "cause": str(cause).splitlines()[0][:120]}


def main():
    spark = (SparkSession.builder.master("local[2]").config("spark.sql.ansi.enabled", "false").config("spark.sql.session.timeZone", "UTC")
             .config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "1").getOrCreate())
    spark.sparkContext.setLogLevel("OFF")
    with open(HERE / "answers.ndjson", "w", encoding="utf-8") as out:
        for sql in dict.fromkeys(cases()):
            answer = ask(spark, sql)
            out.write(json.dumps(answer, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
