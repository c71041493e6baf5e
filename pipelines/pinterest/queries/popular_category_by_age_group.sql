-- title: The most popular category of each age group
-- chart: bar x=age_group y=category_count group=category
-- order: 5
-- One category a group: of several in the first place the first by name.
WITH posts AS (
  SELECT
    CASE
      WHEN age BETWEEN 18 AND 24 THEN '18-24'
      WHEN age BETWEEN 25 AND 35 THEN '25-35'
      WHEN age BETWEEN 36 AND 50 THEN '36-50'
      WHEN age >= 51 THEN '51+'
      ELSE 'Unknown'
    END AS age_group,
    category
  FROM user JOIN pin USING (ind)
),
counts AS (
  SELECT age_group, category, count(category) AS category_count
  FROM posts
  GROUP BY age_group, category
),
ranked AS (
  SELECT age_group, category, category_count,
    row_number() OVER (PARTITION BY age_group ORDER BY category_count DESC, category NULLS LAST) AS place
  FROM counts
)
SELECT age_group, category, category_count
FROM ranked
WHERE place = 1
ORDER BY age_group
