-- A pin as it was posted, cleaned: empty texts and the scraper's placeholders become null, a follower count becomes a number.
SELECT
  index AS ind,
  nullif(unique_id, '') AS unique_id,
  nullif(nullif(title, ''), 'No Title Data Available') AS title,
  nullif(nullif(description, ''), 'No description available Story format') AS description,
  -- `58`, `58k`, `1.5k`, `3M`; anything else is null, and so is what does not fit into a bigint. Decimals, because 32.3 * 1000
  -- in floating point is 32299.999.... The first branch also keeps out a line break at the end, which `$` lets pass in Spark.
  CASE
    WHEN rlike(follower_count, '[^0-9.kKmM]') THEN NULL
    WHEN rlike(follower_count, '^[0-9]+$') THEN try_cast(follower_count AS bigint)
    WHEN rlike(follower_count, '^[0-9]+([.][0-9]+)?[kK]$')
      THEN try_cast(try_cast(regexp_replace(follower_count, '[kK]', '') AS decimal(28, 6)) * 1000 AS bigint)
    WHEN rlike(follower_count, '^[0-9]+([.][0-9]+)?[mM]$')
      THEN try_cast(try_cast(regexp_replace(follower_count, '[mM]', '') AS decimal(28, 6)) * 1000000 AS bigint)
  END AS follower_count,
  nullif(nullif(poster_name, ''), 'User Info Error') AS poster_name,
  nullif(nullif(tag_list, ''), 'N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e') AS tag_list,
  nullif(is_image_or_video, '') AS is_image_or_video,
  nullif(nullif(image_src, ''), 'Image src error.') AS image_src,
  nullif(replace(save_location, 'Local save in ', ''), '') AS save_location,
  nullif(category, '') AS category
FROM input
