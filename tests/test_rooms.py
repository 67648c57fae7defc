"""The fences between the rooms, read off the source.

Knows the syntax trees of the package. Must never import what it judges: a fence holds for code that
no test runs, too.
"""

import ast
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PACKAGE = Path(__file__).parents[1] / "dualware"
FILES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in FILES.items()}

MOST_LINES = 400


def room(name):
    """The folder that a file stands in; the file itself for those at the front."""
    return name.partition("/")[0]


def within(*rooms):
    """A parameter for each file of these rooms."""
    return [name for name in FILES if room(name) in rooms]


def outside(*rooms):
    """A parameter for each file that stands in none of these rooms."""
    return [name for name in FILES if room(name) not in rooms]


# Imports


def package_of(name):
    """The dotted name of the package that a file belongs to."""
    return ".".join(["dualware", *Path(name).parent.parts])


def imports(name, tree=None):
    """Every module that a file imports anywhere in it, by its dotted name.

    What only type checkers read (``if TYPE_CHECKING:``) counts too: knowing a type of another
    room is knowing that room.
    """
    for node in ast.walk(tree or TREES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = package_of(name).split(".")
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            # ``from dualware import core`` imports a room as well as a name would.
            yield from (f"{module}.{alias.name}" for alias in node.names)


def module_of(name):
    """The dotted name of a file, less the "dualware." in front."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def ours(name, tree=None):
    """What of our own a file imports, less the "dualware." in front."""
    return {
        module.removeprefix("dualware.")
        for module in imports(name, tree)
        if module.startswith("dualware.")
    }


def reaches(modules, *rooms):
    """Those of `modules` that lie in one of `rooms`."""
    return sorted(
        module
        for module in modules
        if any(module == each or module.startswith(f"{each}.") for each in rooms)
    )


def beyond(modules, *rooms):
    """Those of `modules` that lie in none of `rooms`."""
    return sorted(set(modules) - set(reaches(modules, *rooms)))


def wrapping_methods(tree):
    """`Stack.asgi` and `Stack.wsgi`: the front door's convenience."""
    return [
        node
        for each in tree.body
        if isinstance(each, ast.ClassDef) and each.name == "Stack"
        for node in each.body
        if isinstance(node, ast.FunctionDef) and node.name in ("asgi", "wsgi")
    ]


def type_checking(tree):
    """The blocks that only type checkers read."""
    return [
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]


@pytest.mark.parametrize("name", within("core"))
def test_core_imports_core(name):
    """Of ours, core knows itself only; but Stack wraps, when it is asked to."""
    found = ours(name)
    if name == "core/stack.py":
        tree = TREES[name]
        for node in [*wrapping_methods(tree), *type_checking(tree)]:
            found -= {
                f"{protocol}.driver.{each}"
                for protocol in ("asgi", "wsgi")
                for each in ("ASGIApp", "ASGIWrapper", "WSGIWrapper")
                if f"{protocol}.driver.{each}" in ours(name, node)
            }

    assert [] == beyond(found, "core")


def test_stack_names_drivers_only_when_called():
    """A WSGI process never loads the ASGI driver."""
    tree = TREES["core/stack.py"]
    methods = {method.name: ours("core/stack.py", method) for method in wrapping_methods(tree)}

    assert {
        "asgi": {"asgi.driver.ASGIWrapper"},
        "wsgi": {"wsgi.driver.WSGIWrapper"},
    } == methods


@pytest.mark.parametrize("name", within("middleware"))
def test_middleware_import_core_and_their_model(name):
    """No policy knows another, nor a driver. One of several files knows itself."""
    folder = module_of(name) if name.endswith("/__init__.py") else module_of(str(Path(name).parent))
    own = [folder] if folder != "middleware" else []

    assert [] == beyond(ours(name), "core", "middleware.model", *own)


@pytest.mark.parametrize("name", within("metrics"))
def test_metrics_import_core(name):
    """A sink knows figures, and nobody who makes them; policies name it in words only."""
    assert [] == beyond(ours(name), "core", "metrics")


@pytest.mark.parametrize(
    ("name", "others"),
    [
        *((name, ["asgi"]) for name in within("wsgi")),
        *((name, ["wsgi"]) for name in within("asgi")),
    ],
)
def test_drivers_know_neither_each_other_nor_a_policy(name, others):
    """The generated wrappers alone put policies into a driver."""
    if Path(name).name != "__init__.py":
        others = [*others, "middleware", "settings"]

    assert [] == reaches(ours(name), *others, "frameworks", "testing", "cli")


@pytest.mark.parametrize("name", within("frameworks"))
def test_frameworks_know_no_policy(name):
    """They install stacks, whatever is in them, and no framework knows another."""
    own = [
        "frameworks.settings",
        "frameworks.django" if name.startswith("frameworks/django/") else module_of(name),
    ]

    assert [] == beyond(ours(name), "core", "asgi", "wsgi", "settings", "effects", *own)


@pytest.mark.parametrize("name", outside("frameworks", "cli"))
def test_nobody_imports_frameworks(name):
    """An application loads the one that it is written in."""
    assert [] == reaches(ours(name), "frameworks")


FRAMEWORKS = {"asgiref", "django", "fastapi", "flask", "starlette"}


@pytest.mark.parametrize("name", FILES)
def test_a_framework_is_imported_in_its_own_file(name):
    """So that nobody needs one that they do not use."""
    found = {module.partition(".")[0] for module in imports(name)} & FRAMEWORKS
    room_of = module_of(name).removeprefix("frameworks.").partition(".")[0]
    allowed = {"asgiref", "django"} if room_of == "django" else {room_of}

    assert set() == found - (allowed if room(name) == "frameworks" else set())


@pytest.mark.parametrize("name", outside("testing"))
def test_nobody_imports_what_is_for_tests(name):
    """An application in production does not load it; one command shows what a browser does."""
    found = reaches(ours(name), "testing")
    if name == "cli/cors.py":
        found = beyond(found, "testing.fetch")

    assert [] == found


@pytest.mark.parametrize(
    ("name", "other"),
    [
        (name, other)
        for name in within("testing")
        for protocol, other in (("wsgi", "asgi"), ("asgi", "wsgi"))
        if name.startswith(f"testing/{protocol}/")
    ],
)
def test_clients_do_not_know_each_other(name, other):
    """A raw client for tests knows neither the other one nor what it drives."""
    found = ours(name)

    assert [] == beyond(found, "testing")
    assert [] == reaches(found, f"testing.{other}")


@pytest.mark.parametrize("name", within("testing"))
def test_what_is_for_tests_has_no_cycle(name):
    """No file of it needs itself by way of others; what `testing` shows is imported on demand."""
    files = {module_of(each): each for each in within("testing") if each != "testing/__init__.py"}
    seen, ahead = set(), [name]
    while ahead:
        found = ours(ahead.pop())
        needed = {
            file
            for module, file in files.items()
            if module in found or any(each.rpartition(".")[0] == module for each in found)
        }
        ahead += needed - seen
        seen |= needed

    assert name not in seen


# What core and middleware reach through parameters only


@pytest.mark.parametrize("name", within("core", "middleware"))
def test_no_coroutines(name):
    """The engine and the policies are the same under both protocols."""
    awaiting = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
    found = [
        (type(node).__name__, node.lineno)
        for node in ast.walk(TREES[name])
        if isinstance(node, awaiting) and node.lineno not in spans_of_users(name)
    ]

    assert [] == found


def spans_of_users(name):
    """Lines of the methods through which a *user's* coroutine passes, as ``async with`` has it."""
    return {
        line
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.AsyncFunctionDef) and node.name in ("__aenter__", "__aexit__")
        for line in range(node.lineno, node.end_lineno + 1)
    }


EFFECTS = {"time", "random", "secrets", "uuid"}
"""Modules whose every use is an effect."""
OF_OS = {"os.register_at_fork", "os.PathLike"}
"""What may be used of `os`: it tells when a process forks, and changes nothing."""


def attributes(tree):
    """Dotted names as they are written: ``datetime.datetime.now``."""
    return {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def called(tree):
    """Plain names that are called."""
    return {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


@pytest.mark.parametrize("name", within("core", "middleware"))
def test_no_effects(name):
    """No clock, randomness or file but what is handed in."""
    tree = TREES[name]
    modules = {module.partition(".")[0] for module in imports(name)}
    of_os = {each for each in attributes(tree) if each.startswith("os.")}
    now = {
        each
        for each in attributes(tree)
        if each.rpartition(".")[2] in ("now", "today", "utcnow") and "date" in each
    }

    assert set() == modules & EFFECTS
    assert set() == {module for module in imports(name) if module.startswith("os.")}
    assert set() == of_os - OF_OS
    assert set() == now
    assert set() == called(tree) & {"open", "input", "print"}


# The words of the protocols. `detect` reads them off an application's signature, to tell which
# protocol it speaks. What is for tests has a room within its room for each protocol.

SPEAKING = ("frameworks", "cli", "detect.py")


def silent(protocol):
    """A parameter for each file that must not speak this protocol."""
    return [
        name for name in outside(protocol, *SPEAKING) if not name.startswith(f"testing/{protocol}/")
    ]


def identifiers(tree):
    """Every name that code uses or gives, and every string that is no documentation."""
    documentation = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "os.environ":
            # The environment of the process is not that of a request.
            continue
        for key in ("id", "attr", "arg", "name", "asname"):
            value = getattr(node, key, None)
            if isinstance(value, str):
                yield value
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documentation
        ):
            yield node.value


@pytest.mark.parametrize("name", silent("wsgi"))
def test_wsgi_is_spoken_in_its_room(name):
    """Nobody else has an environ."""
    assert set() == {"environ", "start_response"} & set(identifiers(TREES[name]))


@pytest.mark.parametrize("name", silent("asgi"))
def test_asgi_is_spoken_in_its_room(name):
    """Nobody else has a scope."""
    assert set() == {"scope", "receive", "send"} & set(identifiers(TREES[name]))


# Every file


@pytest.mark.parametrize("name", FILES)
def test_every_file_says_what_it_is_for(name):
    """It opens with its law."""
    assert ast.get_docstring(TREES[name])


@pytest.mark.parametrize("name", FILES)
def test_exported_names_are_sorted(name):
    """As ruff sorts them: constants, classes, the rest, each by the alphabet."""
    lists = [
        ast.literal_eval(node.value)
        for node in TREES[name].body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    for exported in lists:
        assert sorted(exported, key=isort_style) == list(exported)


def isort_style(name):
    """SHOUTING, then Classes, then the rest (the order of ruff's RUF022)."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2
    return kind, name


@pytest.mark.parametrize("name", FILES)
def test_no_file_is_long(name):
    """What needs more lines does more than one thing."""
    assert MOST_LINES >= len(FILES[name].read_text("utf-8").splitlines())


# What is compiled (docs/compiled.md)

BUILD = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"][
    "build"
]
HOOK = BUILD["targets"]["wheel"]["hooks"]["mypyc"]


def matches(name, pattern):
    """Whether a pattern of the build, of a whole path or of a name in any folder, means a file."""
    return fnmatch(f"/dualware/{name}" if "/" in pattern else Path(name).name, pattern)


COMPILED = [
    name
    for name in FILES
    if any(matches(name, f"{folder}/*") for folder in HOOK["include"])
    and not any(matches(name, pattern) for pattern in HOOK["exclude"])
]


@pytest.mark.parametrize("pattern", HOOK["exclude"])
def test_what_is_not_compiled_is_there(pattern):
    """A file that was moved takes its place in the list along."""
    assert [name for name in FILES if matches(name, pattern)]


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_code_awaits_nothing(name):
    """It would throw into what it awaits by three arguments, and Python 3.12 warns of that."""
    waits = ast.Await | ast.AsyncFor | ast.AsyncWith

    assert [] == [node.lineno for node in ast.walk(TREES[name]) if isinstance(node, waits)]


def marked(node):
    """Whether a class may have subclasses that are not compiled."""
    return any("allow_interpreted_subclasses" in ast.unparse(each) for each in node.decorator_list)


def classes(*names):
    """The classes of some files."""
    return [
        node for name in names for node in ast.walk(TREES[name]) if isinstance(node, ast.ClassDef)
    ]


MARKED = {node.name for node in classes(*COMPILED) if marked(node)}


@pytest.mark.parametrize("name", COMPILED)
def test_families_of_compiled_classes_are_marked(name):
    """One that is not, below one that is, has its constructor called twice, and leaks."""
    assert [] == [
        node.name
        for node in classes(name)
        if MARKED.intersection(map(ast.unparse, node.bases)) and not marked(node)
    ]


def test_what_is_compiled():
    """The way of an exchange is, what settings are made of is not."""
    assert {"core/engine.py", "asgi/exchange.py", "wsgi/exchange.py"} < set(COMPILED)
    others = {"core/wrapper.py", "middleware/cors/settings.py", "asgi/following.py"}
    assert not others & set(COMPILED)
