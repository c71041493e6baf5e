-- title: The user with the most followers in each country
-- chart: bar x=country y=follower_count group=poster_name
-- order: 3
-- Posts without a country do not take part. Several posts with the largest count are several rows.
WITH ranked AS (
  SELECT country, poster_name, follower_count,
    rank() OVER (PARTITION BY country ORDER BY follower_count DESC) AS place
  FROM geo JOIN pin USING (ind)
  WHERE country IS NOT NULL AND follower_count IS NOT NULL
)
SELECT country, poster_name, follower_count
FROM ranked
WHERE place = 1
ORDER BY country, poster_name NULLS LAST
