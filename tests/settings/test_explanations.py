"""Every code is explained, and every example is what it says.

Knows codes. Must never know why a value is wrong: `load` does.
"""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from dualware import load
from dualware.core.problems import CODES
from dualware.settings.explanations import EXPLANATIONS
from tests.settings.parts import refused


@pytest.fixture
def world(tmp_path, monkeypatch):
    """What the examples take for granted: a file, a module of the shop, and foreign metrics."""
    prometheus_client = pytest.importorskip("prometheus_client")
    from dualware.metrics.prometheus import PrometheusSink

    monkeypatch.chdir(tmp_path)
    Path("settings.toml").write_text("timing = true\n", encoding="utf-8")
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.Histogram("http_server_request_duration_seconds", "", registry=registry)
    monkeypatch.setattr(prometheus_client, "REGISTRY", registry)
    package, module = ModuleType("shop"), ModuleType("shop.metrics")
    module.SINK = PrometheusSink(registry, prefix="shop")
    monkeypatch.setitem(sys.modules, "shop", package)
    monkeypatch.setitem(sys.modules, "shop.metrics", module)


def test_every_code_is_explained():
    """In the order of the codes."""
    assert list(CODES) == list(EXPLANATIONS)


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_explanations_are_sentences(code):
    """That end where a sentence ends, with no space too many."""
    why = EXPLANATIONS[code].why

    assert why.endswith(".")
    assert re.sub(r"\s+", " ", why).strip() == why


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_a_mistake_is_one(code, world, monkeypatch):
    """The example gives that code and no other."""
    if code == "DW208":
        monkeypatch.setitem(sys.modules, "prometheus_client", None)

    assert {code} == {each.code for each in refused(EXPLANATIONS[code].wrong).problems}


@pytest.mark.parametrize("code", EXPLANATIONS)
@pytest.mark.usefixtures("world")
def test_a_mending_is_one(code):
    """What is to be written instead is taken."""
    assert load(EXPLANATIONS[code].right)
