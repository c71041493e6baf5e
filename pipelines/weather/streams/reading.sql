-- A measurement. What the station itself marked as a test signal, or sent without a time, is left out.
WITH measured AS (
  SELECT
    lower(station) AS code,
    try_to_timestamp(measured_at) AS measured_at,
    celsius,
    CASE WHEN humidity BETWEEN 0 AND 100 THEN humidity END AS humidity,
    coalesce(quality, 'good') AS quality
  FROM input
)
SELECT code, measured_at, celsius, humidity
FROM measured
WHERE quality <> 'test' AND measured_at IS NOT NULL
