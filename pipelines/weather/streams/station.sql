-- A weather station. Codes are compared without regard to case.
SELECT
  lower(nullif(code, '')) AS code,
  nullif(name, '') AS name,
  nullif(country, '') AS country,
  elevation,
  if(automatic, 'automatic', 'manual') AS operation
FROM input
