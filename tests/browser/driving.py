"""A real Chromium, driven by Selenium: how it is started, and what a page in it is asked to do.

Knows Debian's two packages (scripts/install-browser.sh). Must never know what a page should see.
Everything is bounded in time; the browser has a new, empty profile, and is closed in the end.
"""

import contextlib
import os
import shutil

import pytest

from tests.servers.running import PATIENCE

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

FETCH = """
const [url, options, done] = arguments;
fetch(url, options).then(
    async response => done({
        succeeded: true,
        status: response.status,
        body: await response.text(),
        headers: [...response.headers.keys()],
        values: Object.fromEntries(response.headers.entries()),
    }),
    error => done({succeeded: false, error: String(error)}),
);
"""

CONNECT = """
const [url, done] = arguments;
const socket = new WebSocket(url);
socket.onopen = () => { socket.close(); done(true); };
socket.onerror = () => done(false);
"""

TIMES = """
const [url, done] = arguments;
performance.clearResourceTimings();
fetch(url).then(response => response.text()).then(() => {
    // The entry is queued after the body was read.
    const look = left => {
        const [entry] = performance.getEntriesByName(url);
        if (!entry && left) return setTimeout(look, 20, left - 1);
        done({
            times: entry.serverTiming.map(each => [each.name, each.duration, each.description]),
            started: entry.requestStart > 0,
        });
    };
    look(100);
});
"""


def need():
    """The paths of browser and driver. Loud where they are not installed."""
    paths = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if all(paths):
        return paths
    sentence = "THERE IS NO CHROMIUM, so NO BROWSER IS TESTED here: see scripts/install-browser.sh"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


class Page:
    """What can be done on the page that is open."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, url):
        """Go to a page."""
        self.driver.get(url)

    def fetch(self, url, **options):
        """What ``fetch(url, options)`` gives to a script of the page."""
        return self.driver.execute_async_script(FETCH, url, options)

    def connect(self, url):
        """Whether ``new WebSocket(url)`` opens."""
        return self.driver.execute_async_script(CONNECT, url)

    def times(self, url):
        """What Resource Timing says of a fetch: Server-Timing, and whether times are shown."""
        return self.driver.execute_async_script(TIMES, url)


@contextlib.contextmanager
def chromium(profile):
    """Start the browser with an empty profile; close it in the end."""
    browser, driver = need()
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    # An explicit path: nothing is looked up, or downloaded.
    started = webdriver.Chrome(options=options, service=Service(executable_path=driver))
    try:
        started.set_page_load_timeout(PATIENCE)
        started.set_script_timeout(PATIENCE)
        yield Page(started)
    finally:
        started.quit()
