-- title: The country with the user who has the most followers
-- chart: bar x=country y=follower_count group=poster_name
-- order: 4
-- Of all posts with a country, those with the largest count.
WITH top AS (
  SELECT max(follower_count) AS follower_count
  FROM geo JOIN pin USING (ind)
  WHERE country IS NOT NULL
)
SELECT country, poster_name, follower_count
FROM top JOIN pin USING (follower_count) JOIN geo USING (ind)
WHERE country IS NOT NULL
ORDER BY country, poster_name NULLS LAST
