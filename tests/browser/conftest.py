"""The browser and the servers of the browser tests, started once for each file of them.

Must never know what a test does with them.
"""

import os
from dataclasses import dataclass

import pytest

from tests.browser import apps, driving
from tests.servers.running import running

SERVERS = {
    "flask": ("waitress", "waitress --listen=127.0.0.1:{port} --call tests.browser.apps:flask_app"),
    "starlette": (
        "uvicorn",
        "uvicorn --port {port} --factory tests.browser.apps:starlette_app",
    ),
}
PAGES = "waitress --listen=127.0.0.1:{port} tests.browser.apps:pages"


@dataclass
class Places:
    """Where everything is, by origin.

    home, foreign
        The same pages, at the origin that is allowed and at one that is not.
    apis
        The served applications by the name of their framework.
    """

    home: str
    foreign: str
    apis: dict

    @property
    def copies(self):
        """The same applications in this process, by the origin that they are served at."""
        return {self.apis[name]: make() for name, make in apps.APPS.items()}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page in a real browser."""
    with driving.chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def places(page, tmp_path_factory):
    """The pages and the applications, served on free ports."""
    logs = tmp_path_factory.mktemp("logs")
    with running("pages", "waitress", PAGES, logs / "pages") as pages:
        home = os.environ[apps.HOME] = f"http://127.0.0.1:{pages.port}"
        try:
            with (
                running("flask", *SERVERS["flask"], logs / "flask") as flask,
                running("starlette", *SERVERS["starlette"], logs / "starlette") as starlette,
            ):
                apis = {
                    "flask": f"http://127.0.0.1:{flask.port}",
                    "starlette": f"http://127.0.0.1:{starlette.port}",
                }
                yield Places(home, f"http://localhost:{pages.port}", apis)
        finally:
            del os.environ[apps.HOME]
