-- title: Readings in each year
-- chart: line x=year_measured y=readings
-- order: 2
SELECT year(measured_at) AS year_measured, count(code) AS readings
FROM reading
GROUP BY year(measured_at)
ORDER BY year_measured
