-- title: The country with the user who has the most followers
-- chart: bar x=country y=follower_count group=poster_name
-- order: 4
-- Of all posts with a country, those with the largest count.
WITH ranked AS (
  SELECT country, poster_name, follower_count,
    rank() OVER (ORDER BY follower_count DESC) AS place
  FROM geo JOIN pin USING (ind)
  WHERE country IS NOT NULL AND follower_count IS NOT NULL
)
SELECT country, poster_name, follower_count
FROM ranked
WHERE place = 1
ORDER BY country, poster_name NULLS LAST
