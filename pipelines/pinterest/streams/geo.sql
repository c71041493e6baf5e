-- Where and when a pin was posted. A time that does not parse is null, and so is an unknown coordinate; the pair is kept.
SELECT
  ind,
  nullif(country, '') AS country,
  array(latitude, longitude) AS coordinates,
  try_to_timestamp(timestamp) AS timestamp
FROM input
