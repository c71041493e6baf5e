"""A headless Chromium. `python tests/peers/browser.py URL FILE.png [WIDTH]` takes the picture of a whole page once it shows data."""

import sys
import tempfile
import time
from contextlib import contextmanager

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

# The background services would look for hosts that a test machine need not reach.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def page(url: str, width: int = 1440, height: int = 900):
    """The page at `url` in a browser of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory() as profile:
        for flag in [*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"]:
            options.add_argument(flag)
        driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        try:
            driver.get(url)
            yield driver
        finally:
            driver.quit()


def wait_for_text(driver, *texts: str, seconds: int = 20):
    """Returns once the page shows all of `texts`; fails with what it shows."""
    deadline = time.monotonic() + seconds
    while True:
        body = driver.find_element("tag name", "body").text
        missing = [text for text in texts if text not in body]
        if not missing:
            return
        assert time.monotonic() < deadline, f"{missing} are not in:\n{body}"
        time.sleep(0.2)


if __name__ == "__main__":
    with page(sys.argv[1], width=int(sys.argv[3]) if len(sys.argv) > 3 else 1440) as opened:
        wait_for_text(opened, "live")
        opened.execute_async_script("setTimeout(arguments[0], 3000)")
        height = opened.execute_script("return document.documentElement.scrollHeight")
        opened.set_window_size(opened.get_window_size()["width"], height + 150)
        opened.execute_async_script("setTimeout(arguments[0], 1500)")
        opened.save_screenshot(sys.argv[2])
