"""The live page in a real browser: it loads from the node alone, shows the streams and the answers, and logs no error."""

import subprocess



def dump(url: str, profile) -> tuple[str, str]:
    """The page's document after five seconds, and what the browser logged."""
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    flags += " --disable-component-update --disable-sync --enable-logging=stderr --v=0 --timeout=5000 --window-size=1440,2400"
    command = ["chromium", *flags.split(), f"--user-data-dir={profile}", "--dump-dom", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


def test_the_page_shows_streams_and_answers(node, tmp_path):
    node.run("emulate", "--events", "200")
    node.settle()
    node.run("run", "daily")
    document, console = dump(f"{node.url}/dashboard", tmp_path / "profile")
    assert console == ""
    for text in ["pinterest", "pin", "geo", "user", "mens-fashion", "51+"]:
        assert text in document, text
