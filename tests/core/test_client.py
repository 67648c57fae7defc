"""Whose address a request comes from, under both protocols, table by table.

Knows the requests that both drivers make, and how proxies write their headers. Must never know
what a middleware does with the address.
"""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualware.asgi.request import ASGIRequest
from dualware.core.checks import Unfit, client_ip
from dualware.core.logging import client as module
from dualware.core.logging.client import HEADER_MOST, Client, anonymise, peer_address
from dualware.core.peers import Peers
from dualware.wsgi.request import WSGIRequest

PEER = "127.0.0.1"


def asgi(lines, peer=PEER):
    """The request of a scope, each line a field of its own."""
    fields = [(name.encode(), value.encode("latin-1")) for name, value in lines]
    client = None if peer is None else (peer, 123)
    return ASGIRequest({"type": "http", "headers": fields, "client": client})


def wsgi(lines, peer=PEER):
    """The request of an environ, fields joined as WSGI servers join them."""
    environ = {"REMOTE_ADDR": peer or "", "REMOTE_PORT": "123"}
    for name, value in lines:
        key = f"HTTP_{name.upper().replace('-', '_')}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return WSGIRequest(environ)


@pytest.fixture(params=[wsgi, asgi], ids=["wsgi", "asgi"])
def make(request):
    """Makes a request of one protocol."""
    return request.param


def forwarded_for(*values):
    """Lines of X-Forwarded-For."""
    return [("x-forwarded-for", value) for value in values]


# observability L15: the peer


PEERS = [
    ("192.0.2.1", "192.0.2.1"),
    ("2001:db8::1", "2001:db8::1"),
    # An IPv4 client of a socket that listens on IPv6.
    ("::ffff:1.2.3.4", "1.2.3.4"),
    ("fe80::1%eth0", "fe80::1"),
    ("2001:0DB8:0:0:0:0:0:0001", "2001:db8::1"),
    # As the CGI gateways of some servers have it.
    ("192.0.2.1:1234", "192.0.2.1"),
    ("[2001:db8::1]:1234", "2001:db8::1"),
    ("[::ffff:1.2.3.4]:1234", "1.2.3.4"),
    # No address: a Unix socket, and names that test clients give themselves.
    (None, None),
    ("", None),
    ("/run/app.sock", None),
    ("testclient", None),
    ("not-an-ip", None),
    ("1.2.3.4\r\nX: y", None),
    ("1" * 65, None),
]


@pytest.mark.parametrize(("peer", "expected"), PEERS)
def test_the_peer(make, peer, expected):
    """It is an address in canonical spelling, or absent."""
    # observability L15
    request = make(forwarded_for("6.6.6.6"), peer)

    assert expected == peer_address(request)
    assert expected == Client()(request)
    assert expected == Client("peer").with_peer(request)[1]


@pytest.mark.parametrize("client", [[], ["127.0.0.1"], ("127.0.0.1", None), [None, None]])
def test_odd_clients_of_a_scope(client):
    """ASGI only: a list, too short, without a port (granian, daphne)."""
    request = ASGIRequest({"type": "http", "headers": [], "client": client})

    assert ("127.0.0.1" if client and client[0] else None) == Client()(request)


# observability L15: networks of trusted proxies


# Trusted networks, the lines, who it is. The peer is 127.0.0.1.
WALKS = [
    # Somebody else's peer: what it says counts for nothing.
    (["192.168.0.1"], ["1.2.3.4"], PEER),
    (["192.168.0.0/16"], ["1.2.3.4"], PEER),
    ([], ["1.2.3.4"], PEER),
    (["unix"], ["1.2.3.4"], PEER),
    # One proxy, however it is named.
    (["127.0.0.1"], ["1.2.3.4"], "1.2.3.4"),
    (["127.0.0.1", "10.0.0.1"], ["1.2.3.4"], "1.2.3.4"),
    (["127.0.0.0/24", "10.0.0.1"], ["1.2.3.4"], "1.2.3.4"),
    (["127.0.0.1/32"], ["1.2.3.4"], "1.2.3.4"),
    # Several: the first from the right that is none of them.
    (["127.0.0.1", "10.0.2.1", "192.168.0.2"], ["1.2.3.4, 10.0.2.1, 192.168.0.2"], "1.2.3.4"),
    (["10.0.2.1", "192.168.0.2", "127.0.0.1"], ["1.2.3.4, 10.0.2.1, 192.168.0.2"], "1.2.3.4"),
    (["192.168.0.2", "127.0.0.1"], ["1.2.3.4, 10.0.2.1, 192.168.0.2"], "10.0.2.1"),
    (["127.0.0.1", "10.0.0.0/8", "192.168.0.2"], ["1.2.3.4, 10.0.2.1, 192.168.0.2"], "1.2.3.4"),
    (["127.0.0.1", "203.0.113.0/24"], ["100.100.100.100, 203.0.113.50"], "100.100.100.100"),
    (
        ["127.0.0.1", "203.0.113.0/24", "198.51.100.0/24"],
        ["1.1.1.1, 203.0.113.10, 198.51.100.5"],
        "1.1.1.1",
    ),
    (["127.0.0.1", "2606:4700::/32"], ["2001:db8::1, 2606:4700::1"], "2001:db8::1"),
    (
        ["127.0.0.1", "2606:4700::/32", "203.0.113.0/24"],
        ["8.8.8.8, 2606:4700::1, 203.0.113.5"],
        "8.8.8.8",
    ),
    # Private addresses are clients too.
    (["127.0.0.1", "10.244.0.0/24"], ["10.244.1.50, 10.244.0.10"], "10.244.1.50"),
    # The edges of a network.
    (["127.0.0.1", "203.0.113.0/24"], ["100.100.100.100, 203.0.113.0"], "100.100.100.100"),
    (["127.0.0.1", "203.0.113.0/24"], ["100.100.100.100, 203.0.113.255"], "100.100.100.100"),
    (["127.0.0.1", "203.0.113.0/24"], ["203.0.114.1, 203.0.113.1"], "203.0.114.1"),
    # What a client wrote itself stands to the left of what the proxy added (GHSA-3fxj-6jh8-hvhx,
    # GHSA-9g5q-2w5x-hmxf, GHSA-rjr7-jggh-pgcp).
    (["127.0.0.1"], ["1.2.3.4, 99.99.99.99"], "99.99.99.99"),
    (["127.0.0.1"], ["192.0.2.2, 192.0.2.1"], "192.0.2.1"),
    (["127.0.0.0/8"], ["127.0.0.1, 99.99.99.99"], "99.99.99.99"),
    # Everybody is a proxy: then it is the peer, never what stands leftmost.
    (["127.0.0.1", "1.2.3.4"], ["1.2.3.4"], PEER),
    (["127.0.0.1", "203.0.113.0/24"], ["203.0.113.10, 203.0.113.20"], PEER),
    (["0.0.0.0/0", "::/0"], ["1.2.3.4, 2001:db8::1"], PEER),
    # Written in another way, a proxy is a proxy still.
    (["127.0.0.1", "10.0.0.0/8"], ["::ffff:10.0.0.5, 10.0.0.1"], PEER),
    (["127.0.0.0/8", "10.0.0.0/8"], ["::ffff:127.0.0.1, 10.0.0.1"], PEER),
    (["127.0.0.1", "2606:4700::/32"], ["2606:4700::1%attacker, 2606:4700::5"], PEER),
    (["127.0.0.1", "10.0.0.1"], ["1.2.3.4, [::ffff:10.0.0.1]:443"], "1.2.3.4"),
    # With ports.
    (
        ["127.0.0.1", "2001:db8::1", "192.168.0.2"],
        ["1.2.3.4:1234, [2001:db8::1]:8080, 192.168.0.2:9000"],
        "1.2.3.4",
    ),
    (
        ["192.168.0.2", "127.0.0.1"],
        ["1.2.3.4:1234, [2001:db8::1]:8080, 192.168.0.2:9000"],
        "2001:db8::1",
    ),
    (
        ["127.0.0.1", "2001:db8::/32", "192.168.0.2"],
        ["1.2.3.4:1234, [2001:db8::1]:8080, 192.168.0.2:9000"],
        "1.2.3.4",
    ),
    # Several lines are one list, in order.
    (["127.0.0.1"], ["203.0.113.66, 198.51.100.23", "127.0.0.1"], "198.51.100.23"),
    (["127.0.0.1", "10.0.0.1"], ["1.2.3.4", "10.0.0.1"], "1.2.3.4"),
    (["127.0.0.1", "198.51.100.0/24"], ["127.0.0.1", "8.8.8.8, 198.51.100.1"], "8.8.8.8"),
    (["127.0.0.1"], ["1.1.1.1", "2.2.2.2"], "2.2.2.2"),
    (["127.0.0.1"], ["5.5.5.5, 6.6.6.6", "7.7.7.7, 4.4.4.4"], "4.4.4.4"),
    (["127.0.0.1"], ["1.1.1.1,2.2.2.2"], "2.2.2.2"),
    (["127.0.0.1"], ["203.0.113.1, 2001:db8::1"], "2001:db8::1"),
    # Nothing said.
    (["127.0.0.1"], [], PEER),
    (["127.0.0.1"], [""], PEER),
    (["127.0.0.1"], [" , "], PEER),
    (["127.0.0.1"], [", , "], PEER),
    # What can't be read ends the walk, an empty entry included: a proxy that does not know its
    # client writes one, and to the left of it stands what the client said.
    (["127.0.0.1", "10.0.0.0/8"], [" , 10.0.0.1"], PEER),
    (["127.0.0.1", "10.0.0.0/8"], ["9.9.9.9 , , , 10.0.0.1"], PEER),
    (["127.0.0.1", "10.0.0.0/8"], [", , 9.9.9.9"], "9.9.9.9"),
    (["127.0.0.1", "10.0.0.0/8"], [", , 9.9.9.9, , "], PEER),
    (["127.0.0.1", "::1"], ["1.2.3.4, \xf0\xfd\xfd\xfd, unix:, ::1"], PEER),
    (["127.0.0.1"], ["1.1.1.1, garbage"], PEER),
    (["127.0.0.1", "10.0.0.0/8"], ["203.0.113.7, garbage, 10.0.0.1"], PEER),
    (["127.0.0.1", "10.0.0.0/8"], ["203.0.113.7, garbage, 10.0.0.1, 10.0.0.2"], PEER),
    (["127.0.0.1", "10.0.0.0/8"], ["garbage", "203.0.113.7, 10.0.0.1"], "203.0.113.7"),
    (["127.0.0.1"], ["oh, hi,,127.0.0.1,,,,"], PEER),
    (["127.0.0.1"], ["unknown"], PEER),
    (["127.0.0.1"], ["_hidden"], PEER),
]  # fmt: skip


@pytest.mark.parametrize(("trusted", "lines", "expected"), WALKS)
def test_the_walk(make, trusted, lines, expected):
    """From the right, past every proxy, to the first address that is none."""
    # observability L15
    request = make(forwarded_for(*lines))

    assert expected == Client(client_ip(trusted))(request)
    assert expected == Client(client_ip(tuple(trusted)))(request)
    # Whoever the client is, the peer is told beside it.
    assert PEER == Client(trusted).with_peer(request)[1]


@pytest.mark.parametrize(
    ("trusted", "lines", "expected"),
    [
        (["unix"], ["1.2.3.4"], "1.2.3.4"),
        (["unix", "10.0.0.0/8"], ["1.2.3.4, 10.0.0.1"], "1.2.3.4"),
        (["unix"], ["unix"], None),
        (["unix"], [], None),
        (["10.0.0.0/8"], ["1.2.3.4"], None),
    ],
)
def test_the_walk_behind_a_unix_socket(make, trusted, lines, expected):
    """Its peer has no address, so where nothing is told there is none."""
    # observability L15
    assert expected == Client(trusted)(make(forwarded_for(*lines), None))


# One entry, and the address in it; None where it is none.
ENTRIES = [
    ("1.2.3.4", "1.2.3.4"),
    ("1.2.3.4:1234", "1.2.3.4"),
    ("[2001:db8::1]:443", "2001:db8::1"),
    ("[2001:db8::1]", "2001:db8::1"),
    ("2001:db8::1", "2001:db8::1"),
    ("2345:0425:2CA1:0000:0000:0567:5673:23B5", "2345:425:2ca1::567:5673:23b5"),
    ("::ffff:1.2.3.4", "1.2.3.4"),
    ("[::ffff:1.2.3.4]:80", "1.2.3.4"),
    ("2001:db8::1%eth0", "2001:db8::1"),
    ("[fe80::1%25eth0]:80", "fe80::1"),
    ("\t 1.2.3.4 \t", "1.2.3.4"),
    ("::1", "::1"),
    ("::", "::"),
    ("1.2.3.4:_hidden", "1.2.3.4"),
    ("1.2.3.4:notaport", None),
    ("[2001:db8::1]:notaport", None),
    ("[2001:db8::1]extra", None),
    ("[2001:db8::1", None),
    ("2001:db8::1]", None),
    ("[[::1]]", None),
    ("[]", None),
    ("1.2.3.4:", None),
    ("1.2.3.4:123456", None),
    ("1.2.3.4:80:80", None),
    ("1.2.3", None),
    ("1.2.3.4.5", None),
    ("256.1.1.1", None),
    ("01.2.3.4", None),
    ("100.100.100.1000", None),
    ("0x7f.0.0.1", None),
    ("2130706433", None),
    ("1.2.3.4 5.6.7.8", None),
    ("1.2.3.4\x00", None),
    ("1.2.3.4\n", None),
    ("\xa01.2.3.4", None),
    ("%eth0", None),
    ("invalid", None),
    ("1.2.3.4" + " " * 70, "1.2.3.4"),
    ("0" * 65, None),
    ("fe80::1%" + "a" * 60, None),
]


@pytest.mark.parametrize(("entry", "expected"), ENTRIES)
@pytest.mark.parametrize("source", [["127.0.0.1"], 1, "x-forwarded-for"])
def test_an_entry(make, source, entry, expected):
    """Brackets, port and zone go, IPv4 comes out of IPv6, and all else is the peer's turn."""
    # observability L15
    assert (expected or PEER) == Client(source)(make(forwarded_for(entry)))


# observability L15: a number of proxies


# So many proxies, the lines, who it is; None for the peer.
COUNTS = [
    (1, ["1.1.1.1, 2.2.2.2"], "2.2.2.2"),
    (2, ["1.1.1.1, 2.2.2.2, 3.3.3.3"], "2.2.2.2"),
    (3, ["1.1.1.1, 2.2.2.2, 3.3.3.3, 4.4.4.4"], "2.2.2.2"),
    (2, ["1.1.1.1, 2.2.2.2"], "1.1.1.1"),
    (3, ["1.1.1.1, 2.2.2.2"], None),
    (1, [], None),
    (1, [""], None),
    (2, ["6.6.6.6, 1.1.1.1, 2.2.2.2, 3.3.3.3"], "2.2.2.2"),
    (2, ["garbage, 2.2.2.2"], None),
    (2, ["1.1.1.1", "2.2.2.2", "3.3.3.3"], "2.2.2.2"),
    (2, [",,, 3.3.3.3, 1.1.1.1, 2.2.2.2"], "1.1.1.1"),
    (1, ["::ffff:1.2.3.4"], "1.2.3.4"),
    (1, ["2001:db8::1%eth0"], "2001:db8::1"),
    (10**9, ["1.1.1.1"], None),
]


@pytest.mark.parametrize(("count", "lines", "expected"), COUNTS)
def test_the_count(make, count, lines, expected):
    """So many from the right; the peer where there are fewer."""
    # observability L15
    request = make(forwarded_for(*lines))

    assert (expected or PEER) == Client(client_ip(count))(request)
    assert expected == Client(count)(make(forwarded_for(*lines), None))


# observability L15: one header


# The value of X-Real-IP, and who it is; None for the peer.
SINGLES = [
    ([], None),
    ([""], None),
    (["100.100.100.100"], "100.100.100.100"),
    (["2345:425:2ca1::567:5673:23b5"], "2345:425:2ca1::567:5673:23b5"),
    (["100.100.100.100:80"], "100.100.100.100"),
    # The last value: the proxy sets the header, or appends to it.
    (["100.100.100.100,200.200.200.200"], "200.200.200.200"),
    (["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
    (["1.2.3.4,"], None),
    # Whoever names the header says that it is true.
    (["127.0.0.1"], "127.0.0.1"),
    (["10.0.1.10"], "10.0.1.10"),
    (["fc00::1"], "fc00::1"),
    (["0.0.0.0"], "0.0.0.0"),
    (["::ffff:1.2.3.4"], "1.2.3.4"),
    (["2001:db8::1%eth0"], "2001:db8::1"),
    (["100.100.100.1000"], None),
    (["invalid"], None),
]


@pytest.mark.parametrize(("lines", "expected"), SINGLES)
@pytest.mark.parametrize("name", ["X-Real-IP", "cf-connecting-ip", "True-Client-IP"])
def test_the_header(make, name, lines, expected):
    """The one header that is named, and no other."""
    # observability L15
    told = [(name.lower(), value) for value in lines]
    others = [*forwarded_for("2.2.2.2"), ("x-client-ip", "1.1.1.1"), ("forwarded", "for=3.3.3.3")]

    assert (expected or PEER) == Client(client_ip(name))(make([*others, *told]))


def test_an_underscore_is_no_hyphen():
    """ASGI only: many WSGI servers have made them one (CVE-2026-3902)."""
    request = asgi([("x_forwarded_for", "6.6.6.6"), ("x_real_ip", "6.6.6.6")])

    assert {PEER} == {Client(each)(request) for each in (["127.0.0.1"], 1, "x-real-ip")}


# The value of Forwarded, and who it is; None for the peer (RFC 7239).
FORWARDED = [
    (["for=192.0.2.60"], "192.0.2.60"),
    (["For=192.0.2.60;proto=http;by=203.0.113.43"], "192.0.2.60"),
    (["by=203.0.113.43; for=192.0.2.60"], "192.0.2.60"),
    (["for=192.0.2.60;"], "192.0.2.60"),
    (['For="[2001:db8:cafe::17]:4711"'], "2001:db8:cafe::17"),
    (['for="[2001:db8::1]:_port"'], "2001:db8::1"),
    (["for=6.6.6.6, for=198.51.100.17"], "198.51.100.17"),
    (["for=6.6.6.6", "for=198.51.100.17"], "198.51.100.17"),
    (['for=6.6.6.6,for="198.51.100.17:80" ;host="a,b;c"'], "198.51.100.17"),
    # No address, or none that the last proxy told.
    ([], None),
    ([""], None),
    (["for=unknown"], None),
    (["for=_hidden"], None),
    (["for=6.6.6.6, proto=https"], None),
    (["for=6.6.6.6,"], None),
    (["for=6.6.6.6;for=1.2.3.4"], None),
    # Not well formed, as whoever wants to hide what comes after would have it.
    (['for=", for=1.2.3.4'], None),
    (['a=", for="[2001:db8::1]"'], None),
    (["for=1.2.3.4;;proto=http"], None),
    (["1.2.3.4"], None),
    (["for=[2001:db8::1]"], None),
    (["for=1.2.3.4 5"], None),
    (['for="1.2.3.4\\""'], None),
    (["for=1.2.3.4;" + "a=b;" * 600], None),
]


@pytest.mark.parametrize(("lines", "expected"), FORWARDED)
def test_forwarded(make, lines, expected):
    """Read where it is named, and whole or not at all."""
    # observability L15
    told = [("forwarded", value) for value in lines]
    request = make([*forwarded_for("2.2.2.2"), *told])

    assert (expected or PEER) == Client(client_ip("Forwarded"))(request)
    assert "2.2.2.2" == Client(1)(request)


# Who is in which networks


_V4 = ["127.0.0.1", "10.0.0.1"]
_V4_NETWORKS = ["127.0.0.0/8", "10.0.0.0/8"]
_V6 = [
    "2001:db8::",
    "2001:0db8:0001:0000:0000:0ab9:C0A8:0102",
    "2001:db8:3333:4444:5555:6666:1.2.3.4",
    "::11.22.33.44",
]
_V6_NETWORKS = ["2001:db8:abcd:0012::0/64"]

LISTS = {"none": [], "v4": _V4, "v4-nets": _V4_NETWORKS, "v6": _V6, "v6-nets": _V6_NETWORKS}

# An address, and the lists above that it is in.
MEMBERS = [
    ("127.0.0.0", {"v4-nets"}),
    ("127.0.0.1", {"v4", "v4-nets"}),
    ("127.1.1.1", {"v4-nets"}),
    ("127.255.255.255", {"v4-nets"}),
    ("10.0.0.0", {"v4-nets"}),
    ("10.0.0.1", {"v4", "v4-nets"}),
    ("10.1.1.1", {"v4-nets"}),
    ("10.255.255.255", {"v4-nets"}),
    ("192.168.0.0", set()),
    ("192.168.0.1", set()),
    ("1.1.1.1", set()),
    ("2001:db8::", {"v6"}),
    ("2001:db8:abcd:0012::0", {"v6-nets"}),
    ("2001:db8:abcd:0012::1:1", {"v6-nets"}),
    ("::", set()),
    ("::1", set()),
    ("2001:db8:3333:4444:5555:6666:102:304", {"v6"}),
    ("::b16:212c", {"v6"}),
    ("a:b:c:d::", set()),
    ("::a:b:c:d", set()),
]
NO_ADDRESSES = [
    "some-literal",
    "unix:///foo/bar",
    "/foo/bar",
    "*",
    "another-literal",
    "unix:///another/path",
    "/another/path",
    "",
]


WHO = pytest.mark.parametrize(
    ("address", "within"), [*MEMBERS, *((each, None) for each in NO_ADDRESSES)]
)


@WHO
def test_who_is_in_all_networks(address, within):
    """Everybody who has an address."""
    # observability L15
    assert (within is not None) is Peers(["0.0.0.0/0", "::/0"]).hold(address)


@WHO
@pytest.mark.parametrize("listed", LISTS)
def test_who_is_trusted(make, listed, address, within):
    """The addresses of the networks, as peers and as entries; what is no address never is."""
    # observability L15
    trusted = LISTS[listed]
    expected = listed in (within or ())
    as_peer = Client(trusted)(make(forwarded_for("6.6.6.6"), address))
    as_entry = Client([*trusted, PEER])(make(forwarded_for(f"6.6.6.6,{address}")))

    assert expected is Peers(trusted).hold(address)
    assert expected is ("6.6.6.6" == as_peer)
    if expected or address == PEER:
        assert "6.6.6.6" == as_entry
    else:
        assert (PEER if within is None else str(ipaddress.ip_address(address))) == as_entry


# Limits


@pytest.mark.parametrize("source", [["127.0.0.1"], 1, "x-forwarded-for"])
def test_long_headers_are_not_looked_at(make, source):
    """Neither split nor cut: a cut list would begin with another hop."""
    # observability L15
    fits = "1.2.3.4".rjust(HEADER_MOST)

    assert "1.2.3.4" == Client(source)(make(forwarded_for(fits)))
    assert PEER == Client(source)(make(forwarded_for(f" {fits}")))
    assert PEER == Client(source)(make(forwarded_for("1.2.3.4," * 100_000)))


def test_what_is_remembered_is_bounded():
    """A client that comes with ever new addresses fills no memory."""
    # observability L15
    client = Client(["127.0.0.1"])
    for number in range(3000):
        text = str(ipaddress.ip_address(number))

        assert text == client(asgi(forwarded_for(text)))

    for cached in (module._canonical, module.anonymise, client._told._known):
        assert 1024 == cached.cache_info().maxsize
    assert 1024 == module._canonical.cache_info().currsize
    assert 1024 == client._told._known.cache_info().currsize


TEXT = st.text(st.sampled_from('0123456789.:[]%,;="\\ abfor\t\xe9'), max_size=60)


@pytest.mark.parametrize("source", [["0.0.0.0/1"], 1, 2, "x-real-ip", "forwarded"])
@given(lines=st.lists(TEXT, max_size=3), peer=st.one_of(st.none(), TEXT))
def test_whatever_comes_in_an_address_or_nothing_comes_out(source, lines, peer):
    """No text makes it fail, and both protocols agree."""
    # observability L15
    told = [
        (name, line) for name in ("x-forwarded-for", "x-real-ip", "forwarded") for line in lines
    ]
    seen = {Client(source, anonymised=True)(request(told, peer)) for request in (asgi, wsgi)}

    (found,) = seen
    assert found is None or found == str(ipaddress.ip_address(found))


# Anonymised


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.9", "203.0.113.0"),
        ("203.0.113.0", "203.0.113.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("::1", "::"),
        # It was IPv4, and would be told whole inside a /48.
        ("::ffff:203.0.113.9", "203.0.113.0"),
        ("[2001:db8:1:2::3]:80", "2001:db8:1::"),
    ],
)
def test_anonymised(make, address, expected):
    """The network stays, of the client and of the peer."""
    # observability L15
    client = Client(["192.0.2.0/24"], anonymised=True)
    told = make(forwarded_for(address), "192.0.2.77")

    assert (expected, "192.0.2.0") == (client(told), client.with_peer(told)[1])
    assert expected == Client(anonymised=True).with_peer(make([], address))[1]
    assert (None, None) == (client(make([], None)), client.with_peer(make([], None))[1])


def test_anonymise_takes_addresses_only():
    """It shows nothing of what it can't read."""
    with pytest.raises(ValueError, match="fred"):
        anonymise("fred")


# The setting


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("peer", "peer"),
        (["10.0.0.0/8", "unix"], ["10.0.0.0/8", "unix"]),
        (("10.0.0.0/8",), ["10.0.0.0/8"]),
        ([], []),
        (1, 1),
        (3, 3),
        ("X-Real-IP", "x-real-ip"),
        ("Forwarded", "forwarded"),
    ],
)
def test_a_good_setting(given, kept):
    """Header names in lower case; the rest as it is."""
    assert kept == client_ip(given)


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ("10.0.0.0/8", "DW104", "write ['10.0.0.0/8']"),
        ("10.0.0.1", "DW104", "networks come in a list"),
        ("::1", "DW104", "write ['::1']"),
        ("unix", "DW104", "write ['unix']"),
        ("Peer", "DW106", "did you mean 'peer'?"),
        ("peers", "DW106", "did you mean 'peer'?"),
        ("leftmost", "DW106", "a header name such as 'x-real-ip'"),
        ("", "DW106", "networks, or the number of your proxies"),
        ("X_Real-IP", "DW201", "write 'X-Real-IP'"),
        ("x-real-ip:", "DW104", "networks come in a list"),
        ("x-real ip", "DW201", "a token"),
        (0, "DW106", "write 1 or more, or 'peer' for none"),
        (-1, "DW106", "write 1 or more"),
        (True, "DW104", "write 'peer'"),
        (False, "DW104", "write 'peer'"),
        (None, "DW104", "write 'peer'"),
        (1.0, "DW104", "does not say"),
        ({"10.0.0.0/8"}, "DW104", "does not say"),
        (["10.0.0.1/8"], "DW202", "did you mean '10.0.0.0/8'?"),
        (["proxy.example"], "DW202", "write '10.0.0.0/8' or 'unix'"),
        (["::ffff:10.0.0.0/104"], "DW202", "write it as an IPv4 network"),
        (["*"], "DW202", "write '10.0.0.0/8' or 'unix'"),
        ([7], "DW104", "7 is not a network"),
    ],
)
def test_a_bad_setting(given, code, words):
    """Refused when the settings are read, in words that mend it."""
    # observability X13
    with pytest.raises(Unfit) as caught:
        client_ip(given)

    assert code == caught.value.code
    assert words in str(caught.value)
