-- title: The median number of followers of each age group
-- chart: bar x=age_group y=median_follower_count
-- order: 6
WITH posts AS (
  SELECT
    CASE
      WHEN age BETWEEN 18 AND 24 THEN '18-24'
      WHEN age BETWEEN 25 AND 35 THEN '25-35'
      WHEN age BETWEEN 36 AND 50 THEN '36-50'
      WHEN age >= 51 THEN '51+'
      ELSE 'Unknown'
    END AS age_group,
    follower_count
  FROM user JOIN pin USING (ind)
)
SELECT age_group, percentile_approx(follower_count, 0.5) AS median_follower_count
FROM posts
GROUP BY age_group
ORDER BY age_group
