-- title: How many users joined in each year, 2015 to 2020
-- chart: line x=post_year y=number_users_joined
-- order: 7
SELECT year(date_joined) AS post_year, count(ind) AS number_users_joined
FROM user JOIN pin USING (ind)
WHERE year(date_joined) BETWEEN 2015 AND 2020
GROUP BY year(date_joined)
ORDER BY post_year
