-- title: The most popular categories of each year, 2018 to 2022
-- chart: bar x=post_year y=category_count group=category
-- order: 2
-- Categories that share the first place are all kept.
WITH counts AS (
  SELECT year(timestamp) AS post_year, category, count(category) AS category_count
  FROM geo JOIN pin USING (ind)
  WHERE year(timestamp) BETWEEN 2018 AND 2022
  GROUP BY year(timestamp), category
),
ranked AS (
  SELECT post_year, category, category_count,
    rank() OVER (PARTITION BY post_year ORDER BY category_count DESC) AS place
  FROM counts
)
SELECT post_year, category, category_count
FROM ranked
WHERE place = 1
ORDER BY post_year, category NULLS LAST
