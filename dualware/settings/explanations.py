"""Every code at length: why it is a mistake, the mistake itself, and how it is mended.

Knows settings as people write them. Must never hold an example that nobody runs: a test loads
each, and sees that it gives its code, or none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

__all__ = ["EXPLANATIONS", "Explanation"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """One code."""

    why: str
    """What it is about, and why it is refused."""
    wrong: Any
    """What `dualware.load` refuses with it."""
    right: Any
    """What it takes instead."""


EXPLANATIONS: Final = {
    "DW101": Explanation(
        "A middleware has no setting of that name. A misspelt setting that is passed over does "
        "nothing, and nobody sees that: so it is refused. The names are those of Starlette where "
        "it has one; what other packages call a setting is told as a hint.",
        {"request_id": {"header_name": "X-Correlation-ID"}},
        {"request_id": {"header": "X-Correlation-ID"}},
    ),
    "DW102": Explanation(
        "The mapping has one key for each middleware, by its word, and besides them only 'order'. "
        "The settings of a middleware stand inside of it.",
        {"timming": True},
        {"timing": True},
    ),
    "DW103": Explanation(
        "Something that can't be guessed was not said. Often it is who may be believed: a header "
        "that says how long a request was waiting is worth something only if it is known which "
        "proxies write it.",
        {"timing": {"queue_header": "X-Request-Start"}},
        {"timing": {"queue_header": "X-Request-Start", "queue_trusted": ["10.0.0.0/8"]}},
    ),
    "DW104": Explanation(
        "The value is of a type that the setting does not take. Nothing is converted: "
        "a string in place of a list would be taken apart into letters, and 'false' is true. In "
        "environment variables text becomes what the setting takes.",
        {"request_id": {"inbound": "X-Correlation-ID"}},
        {"request_id": {"inbound": ["X-Correlation-ID"]}},
    ),
    "DW105": Explanation(
        "Settings are a mapping, and so are those of one middleware. In place of the latter True "
        "means the defaults, False leaves the middleware out.",
        {"timing": "on"},
        {"timing": True},
    ),
    "DW106": Explanation(
        "The value is of the right type, and still not one that the setting takes: a number out "
        "of its range, or a word that is none of the choices.",
        {"request_id": {"on_invalid": "refuse"}},
        {"request_id": {"on_invalid": "reject"}},
    ),
    "DW107": Explanation(
        "The settings could not be read from where they are said to be: a file is not there or "
        "not TOML or JSON, a module can't be imported or has no such name, no environment "
        "variable begins with the prefix.",
        "setings.toml",
        "settings.toml",
    ),
    "DW108": Explanation(
        "Where the order is given, it names all that is configured, each once: so that whoever "
        "reads it sees the whole, and what is added later gets a place on purpose.",
        {"request_id": True, "timing": True, "order": ["timing"]},
        {"request_id": True, "timing": True, "order": ["timing", "request_id"]},
    ),
    "DW109": Explanation(
        "In that order one middleware could not do what it is there for. The sentence says what "
        "would be lost; 'dualware stack' shows every reason for the order that there is.",
        {"request_id": True, "logging": True, "order": ["logging", "request_id"]},
        {"request_id": True, "logging": True, "order": ["request_id", "logging"]},
    ),
    "DW201": Explanation(
        "The name can't be that of a header which both protocols, and the servers behind them, "
        "treat alike. WSGI can't tell X_Id from X-Id, for instance, and a client could send "
        "either. Names are tokens, with hyphens.",
        {"request_id": {"header": "X Request ID"}},
        {"request_id": {"header": "X-Request-ID"}},
    ),
    "DW202": Explanation(
        "Networks are written as 10.0.0.0/8, hosts as api.example.com or *.example.com, origins "
        "as browsers write them: https://shop.example, without a slash at the end. What is "
        "written in another way would never match.",
        {"request_id": {"trust": ["10.0.0.0/33"]}},
        {"request_id": {"trust": ["10.0.0.0/8"]}},
    ),
    "DW203": Explanation(
        "Each of the settings is fine, but together they contradict each other, or one of them "
        "could do nothing. Whichever was meant, the other one was not.",
        {"request_id": {"expose": True, "response_header": False}},
        {"request_id": {"expose": True}},
    ),
    "DW204": Explanation(
        "The grammar of the header leaves no room for that name: it is to be a token, which has "
        "no spaces, quotes, commas or brackets (RFC 9110, section 5.6.2).",
        {"timing": {"metric": "my app"}},
        {"timing": {"metric": "my-app"}},
    ),
    "DW205": Explanation(
        "A callable can be given as it is or as 'package.module:NAME'. It must be there, take the "
        "arguments that it is called with, be no class, and not need to be awaited where the "
        "setting does not say so: the same policy runs under WSGI.",
        {"logging": {"sink": "pprint:print"}},
        {"logging": {"sink": "pprint:pprint"}},
    ),
    "DW206": Explanation(
        "Python's re does not take it. Regular expressions are given as text, or as compiled "
        "patterns of text; the whole value has to match them.",
        {"request_id": {"validator": "[0-9a-f"}},
        {"request_id": {"validator": "[0-9a-f]{32}"}},
    ),
    "DW207": Explanation(
        "The preset of the log line has no field of that name. Each preset has names of its own "
        "for the same facts: those of OpenTelemetry, of Elastic, of Google Cloud, or short ones.",
        {"logging": {"fields": ["http.request.method", "status"]}},
        {"logging": {"fields": ["http.request.method", "http.response.status_code"]}},
    ),
    "DW208": Explanation(
        "The setting needs a library that is not installed. It is an extra of dualware, so that "
        "nobody has to install what they do not use.",
        {"timing": {"metrics": ["prometheus"]}},
        {"timing": True},
    ),
    "DW209": Explanation(
        "A media type has two words with a slash between them; '*' may stand for either, and '*+' "
        "before the ending that formats share. Parameters such as charset play no part.",
        {"compression": {"exclude_content_types": ["json"]}},
        {"compression": {"exclude_content_types": ["application/json"]}},
    ),
    "DW299": Explanation(
        "The middleware could not be made of these settings, for a reason that shows only when "
        "it is tried. Most likely something else in the process has registered metrics of the "
        "same names: give a sink with a prefix of its own.",
        {"timing": {"metrics": ["prometheus"]}},
        {"timing": {"metrics": ["shop.metrics:SINK"]}},
    ),
    "DW301": Explanation(
        'Scripts can\'t use that method whatever the server allows (Fetch, "forbidden method"), or '
        "it is no method at all. To allow it would look as if it did something.",
        {"cors": {"allow_origins": ["https://shop.example"], "allow_methods": ["PUT", "TRACE"]}},
        {"cors": {"allow_origins": ["https://shop.example"], "allow_methods": ["PUT"]}},
    ),
    "DW302": Explanation(
        "Scripts can't send or read that header whatever the server allows (Fetch, \"forbidden "
        'request-header" and "forbidden response-header name"): cookies are sent by the browser, '
        "for requests with credentials.",
        {"cors": {"allow_origins": ["https://shop.example"], "allow_headers": ["Cookie"]}},
        {"cors": {"allow_origins": ["https://shop.example"], "allow_credentials": True}},
    ),
    "DW303": Explanation(
        "With credentials a page acts as the user who looks at it. So they are for origins of "
        "which nobody else can have one: not for everybody, not for http:, which anybody on the "
        "way can speak for, not for all names below a public suffix. Browsers refuse '*' with "
        "credentials anyway.",
        {"cors": {"allow_origins": ["*"], "allow_credentials": True}},
        {"cors": {"allow_origins": ["https://shop.example"], "allow_credentials": True}},
    ),
    "DW304": Explanation(
        "A path begins with a slash, and is compared decoded, without a query. What is written in "
        "another way no path can match, so its policy would never count.",
        {"cors": {"policies": [("api", {"allow_origins": ["https://shop.example"]})]}},
        {"cors": {"policies": [("/api", {"allow_origins": ["https://shop.example"]})]}},
    ),
}
"""Code → its explanation; every code of `dualware.core.problems.CODES` has one."""
