"""The live page in a real browser: it loads from the node alone, shows streams and answers as they come, and logs no error."""

from browser import page, wait_for_text


def test_the_page_shows_streams_and_answers(node):
    with page(f"{node.url}/dashboard") as browser:
        wait_for_text(browser, "pinterest", "No events yet")
        node.run("emulate", "--events", "200")
        node.settle()
        node.run("run", "daily")
        # Of an answer with a row for each age group: all of it is shown, whatever was drawn.
        answered = {row["category"] for row in node.rows("SELECT category FROM latest.popular_category_by_age_group")}
        wait_for_text(browser, "pin", "geo", "user", *answered, "51+", "clean.pin")
        assert browser.get_log("browser") == []
