"""The live page in a real browser: it loads from the node alone, shows streams and answers as they come, and logs no error."""

from browser import page, wait_for_text


def test_the_page_shows_streams_and_answers(node):
    with page(f"{node.url}/dashboard") as browser:
        wait_for_text(browser, "pinterest", "No events yet")
        node.run("emulate", "--events", "200")
        node.settle()
        node.run("run", "daily")
        wait_for_text(browser, "pin", "geo", "user", "mens-fashion", "51+", "clean.pin")
        assert browser.get_log("browser") == []
