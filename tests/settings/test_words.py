"""The words that people bring, and what they are told.

Knows the tables of `dualware.settings.words`. Must never accept one of the words.
"""

import pytest

from dualware.settings import ORDER, load, model_of
from dualware.settings.words import FOREIGN, MIDDLEWARE, PREFIXES, plain
from tests.settings.parts import told

LEAST = {"cors": {"allow_origins": ["https://shop.example"]}}
"""What has to be set of a middleware."""
PAIRS = [(word, name) for word in ORDER for name in FOREIGN.get(word, ())]


def hint(settings):
    """What is to be written instead, where one thing is wrong."""
    ((code, path, sentence, said),) = told(settings)

    assert {"DW101": "unknown setting", "DW102": "unknown middleware"}[code] == sentence
    return path, said


# The tables


@pytest.mark.parametrize("word", [each for each in FOREIGN if each in ORDER])
def test_a_word_leads_somewhere(word):
    """To a setting that there is, or to a sentence; and it is no setting of ours itself."""
    fields = set(model_of(word).model_fields)

    assert [] == [said for said in FOREIGN[word].values() if said not in fields and " " not in said]
    assert set() == fields & set(FOREIGN[word])
    assert all(name == plain(name) for name in FOREIGN[word])


def test_words_for_middleware():
    """They lead to a middleware, and are none."""
    known = {"request_id", "logging", "timing", "cors", "compression", "gzip"}

    assert set(ORDER) <= known
    assert set(FOREIGN) == known
    assert known >= {*MIDDLEWARE.values(), *PREFIXES.values()}
    assert set() == known & set(MIDDLEWARE)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("timing", "timing"),
        ("Timing", "timing"),
        ("TIMING-Middleware", "timing"),
        ("RequestIDMiddleware", "requestid"),
        ("allow-origins", "allow_origins"),
        (3, "3"),
    ],
)
def test_plain(name, expected):
    """Case, hyphens and the names of classes make no difference."""
    assert expected == plain(name)


# Settings


@pytest.mark.parametrize(("word", "name"), PAIRS)
def test_a_setting_of_others(word, name):
    """What to write instead is told, in any case."""
    said = FOREIGN[word][name]
    expected = f"write {said!r}" if said in model_of(word).model_fields else said

    assert (f"{word}.{name}", expected) == hint({word: {**LEAST.get(word, {}), name: 1}})
    assert (f"{word}.{name.upper()}", expected) == hint(
        {word: {**LEAST.get(word, {}), name.upper(): 1}}
    )


@pytest.mark.parametrize(
    ("word", "name", "expected"),
    [
        ("timing", "max-bytes", "did you mean 'max_bytes'?"),
        ("timing", "MAX_BYTES", "did you mean 'max_bytes'?"),
        ("timing", "maxBytes", "did you mean 'max_bytes'?"),
        (
            "logging",
            "DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL",
            "write 'levels': {'4xx': 'warning'}",
        ),
        ("timing", "qqq", f"there are: {', '.join(model_of('timing').model_fields)}"),
    ],
)
def test_a_setting_of_nobody(word, name, expected):
    """Slips are told from strangers."""
    assert (f"{word}.{name}", expected) == hint({word: {name: 1}})


# Middleware


@pytest.mark.parametrize("name", [each for each in MIDDLEWARE if MIDDLEWARE[each] in ORDER])
def test_a_middleware_of_others(name):
    """What it is called here is told, in any case."""
    assert (name, f"write {MIDDLEWARE[name]!r}") == hint({name: True})
    assert (name.upper(), f"write {MIDDLEWARE[name]!r}") == hint({name.upper(): True})


@pytest.mark.parametrize("word", ORDER)
def test_a_class_of_ours(word):
    """The name of the wrapper class is no key."""
    name = f"{ORDER[word]}Middleware"
    path, said = hint({name: {}})

    assert name == path
    assert said in (f"write {word!r}", f"did you mean {word!r}?")


CORS = [
    ("CORS_ALLOWED_ORIGINS", "write {'cors': {'allow_origins': […]}}"),
    ("CORS_ORIGIN_WHITELIST", "write {'cors': {'allow_origins': […]}}"),
    ("CORS_ALLOW_HEADERS", "write {'cors': {'allow_headers': […]}}"),
    ("CORS_ALLOW_ALL_ORIGINS", "cors: write 'allow_origins': ['*']"),
    ("CORS_URLS_REGEX", "cors: write 'policies': [('/api', {…})], with the settings for each path"),
    ("CORS_SUPPORTS_CREDENTIALS", "write {'cors': {'allow_credentials': …}}"),
    ("supports_credentials", "write {'cors': {'allow_credentials': …}}"),
    ("allow_origins", "write {'cors': {'allow_origins': […]}}"),
]
CODING = [
    ("COMPRESS_LEVEL", "write {'compression': {'compresslevel': …}}"),
    ("COMPRESS_BR_LEVEL", "write {'compression': {'brotli_quality': …}}"),
    ("COMPRESS_MIN_SIZE", "write {'compression': {'minimum_size': …}}"),
    ("COMPRESS_ALGORITHM", "write {'compression': {'codings': […]}}"),
    (
        "COMPRESS_MIMETYPES",
        "compression: name what is not compressed in 'exclude_content_types'",
    ),
    ("gzip_fallback", "compression: write 'codings': ['br', 'gzip']"),
]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("max_bytes", "write {'timing': {'max_bytes': …}}"),
        ("trace_headers", "write {'request_id': {'trace_headers': […]}}"),
        (
            "header",
            "write {'request_id': {'header': …}} or write {'timing': {'header': …}}",
        ),
        ("timing_max_bytes", "write {'timing': {'max_bytes': …}}"),
        ("update_request_header", "write {'request_id': {'set_request_header': …}}"),
        ("exclude_paths", "write {'logging': {'exclude': […]}}"),
        (
            "DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL",
            "logging: write 'levels': {'4xx': 'warning'}",
        ),
        ("DJANGO_STRUCTLOG_EXCLUDE_PATHS", "write {'logging': {'exclude': […]}}"),
        ("DJANGO_STRUCTLOG_EXCLUDED", "write {'logging': {'exclude': […]}}"),
        ("DJANGO_STRUCTLOG_QQQ", f"there are: {', '.join(ORDER)}"),
        *(CORS if "cors" in ORDER else []),
        *(CODING if "compression" in ORDER else []),
    ],
)
def test_a_setting_outside_of_its_middleware(key, expected):
    """Where it belongs is told, with a list for a list; or what to do instead."""
    assert (key, expected) == hint({key: 1})


def test_no_word_is_taken():
    """Hints are all that comes of them."""
    assert [] == list(load({}))
    assert all(told({key: True}) for key in MIDDLEWARE)
