-- title: The median number of followers of each age group by the year in which they joined, 2015 to 2020
-- chart: line x=post_year y=median_follower_count group=age_group
-- order: 9
WITH posts AS (
  SELECT
    year(date_joined) AS post_year,
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
SELECT post_year, age_group, percentile_approx(follower_count, 0.5) AS median_follower_count
FROM posts
WHERE post_year BETWEEN 2015 AND 2020
GROUP BY post_year, age_group
ORDER BY post_year, age_group
