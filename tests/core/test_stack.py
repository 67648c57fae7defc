"""Stack: order, once each, and a value like any other.

Knows stacks as values. Must never send a request through one.
"""

import copy
import pickle
import subprocess
import sys

import pytest

from dualware.asgi.driver import ASGIWrapper
from dualware.core.middleware import Middleware
from dualware.core.stack import Stack
from dualware.wsgi.driver import WSGIWrapper


class Plain(Middleware):
    """An unnamed middleware."""

    def __init__(self, value=0):
        self.value = value

    def __call__(self, exchange):
        return None


class Named(Plain):
    """A middleware that runs once in an exchange."""

    name = "named"


class Measuring(Plain):
    """One that wants to know how long the server took."""

    measures = True


def test_order():
    """As given, outermost first."""
    outer, inner = Plain(), Plain()
    stack = Stack([outer, inner])

    assert (outer, inner) == stack.middleware
    assert [outer, inner] == list(stack)
    assert 2 == len(stack)
    assert (outer.__call__, inner.__call__) == stack.starts


@pytest.mark.parametrize("kind", [tuple, list, iter])
def test_any_iterable(kind):
    """A generator is read once."""
    assert 2 == len(Stack(kind([Plain(), Plain()])))


def test_empty():
    """Nothing is a stack too."""
    stack = Stack()

    assert ((), (), False, frozenset()) == (
        stack.middleware,
        stack.starts,
        stack.measures,
        stack.keys,
    )
    assert not stack


def test_of_two_with_a_name_the_outer_stays():
    """Law 9 for neighbours, settled once."""
    outer, between, inner = Named(1), Plain(), Named(2)

    assert (outer, between) == Stack([outer, between, inner]).middleware


def test_unnamed_middleware_all_run():
    """Two instances are two middleware; the same instance is one."""
    one, other = Plain(), Plain()

    assert (one, other) == Stack([one, other, one]).middleware


def test_keys():
    """The name where there is one, else the instance."""
    plain, named = Plain(), Named()

    assert {id(plain), "named"} == Stack([plain, named]).keys


def test_measures():
    """One is enough."""
    assert Stack([Plain(), Measuring()]).measures
    assert not Stack([Plain()]).measures


def test_addition():
    """The left one is the outer one."""
    outer, inner, unnamed = Named(1), Named(2), Plain()
    stack = Stack([outer]) + Stack([inner, unnamed])

    assert (outer, unnamed) == stack.middleware


def test_without():
    """What is left inside an exchange in which others ran already."""
    plain, named = Plain(), Named()
    stack = Stack([plain, named])

    assert (plain,) == stack.without(frozenset({"named"})).middleware
    assert (named,) == stack.without(frozenset({id(plain)})).middleware
    assert (plain, named) == stack.without(frozenset({"other"})).middleware
    assert (plain, named) == stack.middleware


def test_repr():
    """The names of the classes, in order."""
    assert "Stack([Named, Plain])" == repr(Stack([Named(), Plain()]))
    assert "Stack([])" == repr(Stack())


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (Plain, f"a Stack takes instances of Middleware, not {Plain!r}; call the class"),
        (7, "a Stack takes instances of Middleware, not 7"),
        ("cors", "a Stack takes instances of Middleware, not 'cors'"),
    ],
)
def test_what_is_no_middleware(wrong, sentence):
    """Refused when the stack is made, not in the first request."""
    with pytest.raises(TypeError) as raised:
        Stack([Plain(), wrong])

    assert sentence == str(raised.value)


@pytest.mark.parametrize("copied", [copy.copy, lambda stack: pickle.loads(pickle.dumps(stack))])
def test_pickling(copied):
    """A copy has the same middleware in the same order, and works."""
    stack = copied(Stack([Named(1), Plain(2)]))

    assert [(Named, 1), (Plain, 2)] == [(type(each), each.value) for each in stack]
    assert tuple(each.__call__ for each in stack) == stack.starts


def test_a_stack_is_immutable():
    """It has no attribute but its own."""
    with pytest.raises(AttributeError):
        Stack().other = 1


def test_wrapping():
    """One method for each protocol."""
    stack = Stack([Plain()])

    async def asgi(scope, receive, send):
        """Take what ASGI hands over."""

    def wsgi(environ, start_response):
        """Take what WSGI hands over."""

    wrapped = stack.asgi(asgi), stack.wsgi(wsgi)

    assert [ASGIWrapper, WSGIWrapper] == [type(each) for each in wrapped]
    assert [asgi, wsgi] == [each.app for each in wrapped]
    assert [stack, stack] == [each.stack for each in wrapped]


@pytest.mark.parametrize(("mine", "other"), [("wsgi", "asgi"), ("asgi", "wsgi")])
def test_a_process_loads_one_driver(mine, other):
    """A WSGI process never loads the ASGI driver, nor the other way round."""
    program = (
        "import sys, dualware\n"
        "assert not {'dualware.wsgi.driver', 'dualware.asgi.driver'} & set(sys.modules)\n"
        f"dualware.Stack([]).{mine}(lambda a, b, c: None)\n"
        f"assert 'dualware.{mine}.driver' in sys.modules\n"
        f"assert 'dualware.{other}.driver' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
