"""The three checks that decide what a page gets: CORS check, CORS-preflight fetch, TAO check.

This file knows a request and a response, and every step of the three. It must
never send anything.
"""

from __future__ import annotations

from collections.abc import Iterator

from dualware.testing.fetch.headers import NON_WILDCARD, SAFE_METHODS, extracted, unsafe_names
from dualware.testing.fetch.messages import FetchRequest, FetchResponse
from dualware.testing.fetch.steps import Step

_CHECK = "Fetch, CORS check, step"
_PREFLIGHT = "Fetch, CORS-preflight fetch, step 7"


def cors_check(request: FetchRequest, response: FetchResponse) -> Step:
    """Fetch, "CORS check": whether the response may be shared with the page at all."""
    origin = response.get("access-control-allow-origin")
    if origin is None:
        return Step(f"{_CHECK} 2", False, "the response has no Access-Control-Allow-Origin")
    include = request.credentials == "include"
    if not include and origin == "*":
        return Step(f"{_CHECK} 3", True, "everybody may read it, without credentials")
    asked = request.serialized_origin
    if asked != origin:
        because = f"Access-Control-Allow-Origin is {origin!r}, and the page's origin {asked!r}"
        return Step(f"{_CHECK} 4", False, because)
    if not include:
        return Step(f"{_CHECK} 5", True, f"{origin} may read it, without credentials")
    credentials = response.get("access-control-allow-credentials")
    if credentials == "true":
        return Step(f"{_CHECK} 7", True, f"{origin} may read it, with credentials")
    because = f"Access-Control-Allow-Credentials is {credentials!r}, not 'true'"
    return Step(f"{_CHECK} 8", False, because)


def preflight_check(request: FetchRequest, response: FetchResponse) -> list[Step]:
    """Fetch, "CORS-preflight fetch", steps 7 and 8; the last step is the verdict."""
    steps = [cors_check(request, response)]
    if steps[-1].passed:
        steps.append(_ok_status(response))
    if steps[-1].passed:
        steps += _permissions(request, response)
    return steps


def _ok_status(response: FetchResponse) -> Step:
    passed = 200 <= response.status <= 299
    because = f"the status of the preflight is {response.status}"
    return Step("Fetch, CORS-preflight fetch, steps 7 and 8", passed, because)


def _permissions(request: FetchRequest, response: FetchResponse) -> Iterator[Step]:
    """Steps 7.1 to 7.7."""
    try:
        methods = extracted(response.get("access-control-allow-methods")) or []
        names = extracted(response.get("access-control-allow-headers")) or []
    except ValueError as error:
        yield Step(f"{_PREFLIGHT}.3", False, f"a list of what is allowed can't be read: {error}")
        return
    # "*" is a wildcard without credentials only (Fetch, "HTTP new-header syntax").
    wild = request.credentials != "include"
    step = _method(request.method, methods, wild="*" in methods and wild)
    yield step
    if not step.passed:
        return
    allowed = {name.lower() for name in names}
    for name in sorted({name for name, _ in request.headers if name in NON_WILDCARD}):
        if name not in allowed:
            yield Step(f"{_PREFLIGHT}.6", False, f"{name} is not named in what is allowed")
            return
    for name in unsafe_names(request.headers):
        if name not in allowed and not ("*" in names and wild):
            yield Step(f"{_PREFLIGHT}.7", False, f"the header {name} is not allowed")
            return
    yield Step(f"{_PREFLIGHT}.7", True, "every header that needs leave has it")


def _method(method: str, methods: list[str], *, wild: bool) -> Step:
    """Step 7.5."""
    passed = method in methods or method in SAFE_METHODS or wild
    what = "is allowed" if passed else f"is not among {methods}"
    return Step(f"{_PREFLIGHT}.5", passed, f"the method {method} {what}")


def tao_check(request: FetchRequest, response: FetchResponse) -> Step:
    """Fetch, "TAO check": whether the page may read how long everything took."""
    cites = "Fetch, TAO check, step"
    if request.timing_failed:
        return Step(f"{cites} 2", False, "a response before this one hid its times")
    told = response.get("timing-allow-origin")
    values = [value.strip(" \t") for value in (told or "").split(",")]
    if "*" in values:
        return Step(f"{cites} 4", True, "everybody may read the times")
    if request.serialized_origin in values:
        return Step(f"{cites} 5", True, f"{request.serialized_origin} may read the times")
    if not request.cross_origin:
        return Step(f"{cites} 7", True, "the page and the response have one origin")
    return Step(f"{cites} 8", False, f"Timing-Allow-Origin is {told!r}")
