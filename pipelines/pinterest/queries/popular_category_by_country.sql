-- title: The most popular categories of each country
-- chart: bar x=country y=category_count group=category
-- order: 1
-- Categories that share the first place are all kept. Posts without a country are a group of their own.
WITH counts AS (
  SELECT country, category, count(category) AS category_count
  FROM geo JOIN pin USING (ind)
  GROUP BY country, category
),
ranked AS (
  SELECT country, category, category_count,
    rank() OVER (PARTITION BY country ORDER BY category_count DESC) AS place
  FROM counts
)
SELECT country, category, category_count
FROM ranked
WHERE place = 1
ORDER BY country NULLS LAST, category NULLS LAST
