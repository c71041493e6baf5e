-- title: The user with the most followers in each country
-- chart: bar x=country y=follower_count group=poster_name
-- order: 3
-- Posts without a country do not take part. Several posts with the largest count are several rows.
WITH posts AS (
  SELECT country, poster_name, follower_count
  FROM geo JOIN pin USING (ind)
),
top AS (
  SELECT country, max(follower_count) AS follower_count
  FROM posts
  GROUP BY country
)
SELECT country, poster_name, follower_count
FROM top JOIN posts USING (country, follower_count)
ORDER BY country, poster_name NULLS LAST
