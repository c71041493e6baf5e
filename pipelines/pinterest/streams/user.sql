-- Who posted a pin. Without both parts of the name there is none.
SELECT
  ind,
  nullif(first_name, '') || ' ' || nullif(last_name, '') AS user_name,
  age,
  try_to_timestamp(date_joined) AS date_joined
FROM input
