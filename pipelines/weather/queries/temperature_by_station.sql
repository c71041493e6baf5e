-- title: Temperatures at each station, in degrees Celsius
-- chart: bar x=name y=warmest
-- order: 1
SELECT name, count(celsius) AS readings, min(celsius) AS coldest, max(celsius) AS warmest
FROM reading JOIN station USING (code)
GROUP BY name
ORDER BY name NULLS LAST
