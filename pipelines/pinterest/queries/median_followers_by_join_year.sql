-- title: The median number of followers of the users who joined in each year, 2015 to 2020
-- chart: line x=post_year y=median_follower_count
-- order: 8
SELECT year(date_joined) AS post_year, percentile_approx(follower_count, 0.5) AS median_follower_count
FROM user JOIN pin USING (ind)
WHERE year(date_joined) BETWEEN 2015 AND 2020
GROUP BY year(date_joined)
ORDER BY post_year
