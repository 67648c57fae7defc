"""The words that people bring: what a setting is called elsewhere, and what it is here.

Knows the names of other packages' settings, as they stand in their own documentation and code.
Must never accept one of them: a name that is silently taken for another one hides which of the
two is meant. What is here is told as a hint.
"""

from __future__ import annotations

from typing import Final

__all__ = ["FOREIGN", "MIDDLEWARE", "PREFIXES", "plain"]

_ONE_REGEX: Final = "write one 'allow_origin_regex', its alternatives joined by '|'"
_BY_PATH: Final = "write 'policies': [('/api', {…})], with the settings for each path"
_EVERYBODY: Final = "write 'allow_origins': ['*']"
_NOT_ASKED: Final = "leave it out: there is nothing to set"
_WINDOWS: Final = "leave it out: windows and blocks are what the library makes them"
_HTTP_ONLY: Final = "leave it out: there is a line for HTTP exchanges and websocket sessions only"

_CODING: Final = {
    # Flask-Compress, less its prefix COMPRESS_.
    "level": "compresslevel",
    "min_size": "minimum_size",
    "mimetypes": "name what is not compressed in 'exclude_content_types'",
    "deflate_level": "leave it out: deflate is not offered, gzip is the same in all but its frame",
    "br_mode": _WINDOWS,
    "br_window": _WINDOWS,
    "br_block": _WINDOWS,
    "streams": "leave it out: streams are compressed, but for those of 'live_content_types'",
    "cache_key": "leave it out: nothing is kept between requests",
    "cache_backend": "leave it out: nothing is kept between requests",
    "register": "write True or False for the middleware as a whole",
    "evaluate_conditional_request": "leave it out: conditions are the application's business",
    # brotli-asgi
    "mode": _WINDOWS,
    "lgwin": _WINDOWS,
    "lgblock": _WINDOWS,
    "excluded_handlers": "wrap the other handlers only, or name types in 'exclude_content_types'",
    # Others
    "compress_level": "compresslevel",
    "compression_level": "compresslevel",
    "min_length": "minimum_size",
}

FOREIGN: Final[dict[str, dict[str, str]]] = {
    "request_id": {
        # asgi-correlation-id
        "header_name": "header",
        "update_request_header": "set_request_header",
        "transformer": "leave it out: a valid id stays as it came; make new ones with 'generator'",
        # flask-request-id, flask-log-request-id, django-log-request-id
        "generator_func": "generator",
        "request_id_generator": "generator",
        "request_id_parser": "name the headers that may bring an id in 'inbound'",
        "log_request_id_header": "header",
        # Others
        "trusted": "trust",
        "trusted_proxies": "trust",
    },
    "logging": {
        # django-structlog, less its prefix DJANGO_STRUCTLOG_.
        "status_4xx_log_level": "write 'levels': {'4xx': 'warning'}",
        "ip_logging_enabled": "name the fields to show in 'fields', or set 'anonymise_ip'",
        "user_id_field": "call dualware.add_fields(user_id=…) in the application",
        "celery_enabled": _HTTP_ONLY,
        "command_logging_enabled": _HTTP_ONLY,
        # request-id (WSGI), whose lines have a format
        "format": "choose a 'preset', and the order of its 'fields'",
        # Others
        "level": "write 'levels': {'default': 'info'}",
        "log_level": "write 'levels': {'default': 'info'}",
        "logger_name": "logger",
        "exclude_path": "exclude",
        "exclude_paths": "exclude",
        "skip_paths": "exclude",
        "headers": "request_headers",
    },
    "timing": {
        # timing-asgi
        "client": "write 'metrics': ['prometheus'], 'otel' or a callable that takes the figures",
        "metric_namer": "route",
        # Others
        "header_name": "header",
        "process_time_header": "legacy_header",
        "metric_name": "metric",
    },
    "cors": {
        # Starlette
        "allow_private_network": "private_network",
        # django-cors-headers, less its prefix CORS_, the names that it had before too.
        "allowed_origins": "allow_origins",
        "origin_whitelist": "allow_origins",
        "allow_all_origins": _EVERYBODY,
        "origin_allow_all": _EVERYBODY,
        "allowed_origin_regexes": _ONE_REGEX,
        "origin_regex_whitelist": _ONE_REGEX,
        "preflight_max_age": "max_age",
        "urls_regex": _BY_PATH,
        "replace_https_referer": "name the origins in Django's CSRF_TRUSTED_ORIGINS",
        "model": "write a callable in 'allow_origins', which may look into a database",
        # Flask-CORS, whose configuration has the prefix CORS_ too.
        "origins": "allow_origins",
        "methods": "allow_methods",
        "supports_credentials": "allow_credentials",
        "resources": _BY_PATH,
        "send_wildcard": "leave it out: '*' is sent wherever it may be",
        "vary_header": "leave it out: Vary is written wherever the answer depends on the origin",
        "automatic_options": "leave it out: preflights are answered, unless 'passthrough' is True",
        "intercept_exceptions": "write 'on_exception': 'respond'",
    },
    "gzip": {
        **_CODING,
        "br_level": "gzip has one coding: write 'compression' for brotli too",
        "zstd_level": "gzip has one coding: write 'compression' for zstd too",
        "quality": "gzip has one coding: write 'compression' for brotli too",
        "algorithm": "gzip has one coding: write 'compression' for others",
    },
    "compression": {
        **_CODING,
        # Flask-Compress
        "br_level": "brotli_quality",
        "algorithm": "codings",
        "algorithm_streaming": "codings",
        # brotli-asgi
        "quality": "brotli_quality",
        "gzip_fallback": "write 'codings': ['br', 'gzip']",
        # Others
        "algorithms": "codings",
        "encodings": "codings",
    },
}
"""Middleware → a foreign word in lower case → our setting, or what to do instead."""

PREFIXES: Final = {
    "cors_": "cors",
    "compress_": "compression",
    "django_structlog_": "logging",
}
"""What the settings of other packages begin with → the middleware that they are for."""

MIDDLEWARE: Final = {
    "correlation_id": "request_id",
    "correlationid": "request_id",
    "requestid": "request_id",
    "x_request_id": "request_id",
    "access_log": "logging",
    "accesslog": "logging",
    "log": "logging",
    "structlog": "logging",
    "server_timing": "timing",
    "servertiming": "timing",
    "corsheaders": "cors",
    "flask_cors": "cors",
    "brotli": "compression",
    "compress": "compression",
    "flask_compress": "compression",
    "zstd": "compression",
}
"""What a middleware is called elsewhere → its word here. Names of classes are told as well."""


def plain(name: object) -> str:
    """A name as the tables have it: lower case, with underscores, less ``Middleware``.

    >>> plain("GZip-Middleware"), plain("allow-origins")
    ('gzip', 'allow_origins')
    """
    text = str(name).lower().replace("-", "_")
    return text.removesuffix("middleware").rstrip("_")
