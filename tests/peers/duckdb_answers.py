"""The built-in pipeline a second time, in DuckDB and from the raw events: its cleaned tables and its nine answers.

Written from the rules of the pipeline (the headers of `pipelines/pinterest`), not from its SQL, so that a mistake would have to be made twice.
"""

import duckdb

SCHEMAS = {
    "pin": "{index: 'BIGINT', unique_id: 'VARCHAR', title: 'VARCHAR', description: 'VARCHAR', poster_name: 'VARCHAR', follower_count: 'VARCHAR', tag_list: 'VARCHAR', "
    "is_image_or_video: 'VARCHAR', image_src: 'VARCHAR', downloaded: 'BIGINT', save_location: 'VARCHAR', category: 'VARCHAR'}",
    "geo": "{ind: 'BIGINT', timestamp: 'VARCHAR', latitude: 'DOUBLE', longitude: 'DOUBLE', country: 'VARCHAR'}",
    "user": "{ind: 'BIGINT', first_name: 'VARCHAR', last_name: 'VARCHAR', age: 'BIGINT', date_joined: 'VARCHAR'}",
}


def text(column: str, *placeholders: str) -> str:
    """An empty text and every placeholder is null."""
    unknown = ", ".join(f"'{value}'" for value in ("", *placeholders))
    return f"CASE WHEN {column} IN ({unknown}) THEN NULL ELSE {column} END"


def followers(column: str) -> str:
    """Digits as they are; a decimal with k or m times a thousand or a million, cut to a whole number."""
    times = f"trunc(TRY_CAST({column}[:-2] AS DECIMAL(28, 6)) * CASE lower({column}[-1]) WHEN 'k' THEN 1000 ELSE 1000000 END)"
    return f"""CASE WHEN regexp_full_match({column}, '[0-9]+') THEN TRY_CAST({column} AS BIGINT)
                    WHEN regexp_full_match({column}, '[0-9]+([.][0-9]+)?[kKmM]') THEN TRY_CAST({times} AS BIGINT) END"""


TABLES = {
    "pin": f"""SELECT DISTINCT ON (unique_id) "index" AS ind, unique_id, {text('title', 'No Title Data Available')} AS title,
        {text('description', 'No description available Story format')} AS description, {followers('follower_count')} AS follower_count,
        {text('poster_name', 'User Info Error')} AS poster_name, {text('tag_list', 'N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e')} AS tag_list,
        {text('is_image_or_video')} AS is_image_or_video, {text('image_src', 'Image src error.')} AS image_src,
        nullif(replace(save_location, 'Local save in ', ''), '') AS save_location, {text('category')} AS category FROM raw_pin""",
    "geo": f"""SELECT DISTINCT ON (ind) ind, {text('country')} AS country, [latitude, longitude] AS coordinates,
        TRY_CAST(timestamp AS TIMESTAMP) AS timestamp FROM raw_geo""",
    "user": """SELECT DISTINCT ON (ind) ind, nullif(first_name, '') || ' ' || nullif(last_name, '') AS user_name, age,
        TRY_CAST(date_joined AS TIMESTAMP) AS date_joined FROM raw_user""",
}

VIEWS = """
CREATE VIEW gp AS SELECT *, year(timestamp) AS post_year FROM geo JOIN pin USING (ind);
CREATE VIEW up AS SELECT *, year(date_joined) AS post_year,
    CASE WHEN age >= 18 AND age <= 24 THEN '18-24' WHEN age >= 25 AND age <= 35 THEN '25-35' WHEN age >= 36 AND age <= 50 THEN '36-50'
         WHEN age >= 51 THEN '51+' ELSE 'Unknown' END AS age_group FROM "user" JOIN pin USING (ind);
CREATE VIEW joined AS SELECT * FROM up WHERE post_year IN (2015, 2016, 2017, 2018, 2019, 2020);
CREATE VIEW top AS SELECT country, poster_name, follower_count
    FROM gp JOIN (SELECT country, max(follower_count) AS follower_count FROM gp GROUP BY country) USING (country, follower_count);
"""


def most_popular(by: str, view: str) -> str:
    """All categories with the largest count of their group, those with a count of nulls alone too."""
    counts = f"SELECT {by}, category, count(category) AS category_count FROM {view} GROUP BY ALL"
    return f"SELECT c.* FROM ({counts}) AS c QUALIFY category_count = max(category_count) OVER (PARTITION BY {by})"


def median(by: str, view: str) -> str:
    """The lower of two middle values; nulls do not count."""
    return f"SELECT {by}, quantile_disc(follower_count, 0.5) AS median_follower_count FROM {view} GROUP BY ALL"


ANSWERS = {
    "popular_category_by_country": most_popular("country", "gp"),
    "popular_category_by_year": most_popular("post_year", "gp WHERE post_year BETWEEN 2018 AND 2022"),
    "top_user_by_country": "SELECT * FROM top",
    "country_with_top_user": "SELECT * FROM top WHERE follower_count = (SELECT max(follower_count) FROM top)",
    "popular_category_by_age_group": f"SELECT age_group, min(category) AS category, any_value(category_count) AS category_count "
    f"FROM ({most_popular('age_group', 'up')}) GROUP BY age_group",
    "median_followers_by_age_group": median("age_group", "up"),
    "users_joined_by_year": "SELECT post_year, count(ind) AS number_users_joined FROM joined GROUP BY post_year",
    "median_followers_by_join_year": median("post_year", "joined"),
    "median_followers_by_join_year_and_age_group": median("post_year, age_group", "joined"),
}


def of_events(files: dict[str, str]) -> duckdb.DuckDBPyConnection:
    """The cleaned tables `pin`, `geo` and `user` of the events in the NDJSON files of each stream (patterns of paths)."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for stream, pattern in files.items():
        read = f"read_json('{pattern}', format = 'newline_delimited', columns = {SCHEMAS[stream]})"
        connection.execute(f"CREATE TABLE raw_{stream} AS SELECT * FROM {read}")
        connection.execute(f'CREATE TABLE "{stream}" AS {TABLES[stream]}')
    connection.execute(VIEWS)
    return connection
