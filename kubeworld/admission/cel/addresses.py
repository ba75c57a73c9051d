"""`ip()`, `cidr()` and `url()` and what they offer. A value is its canonical text with a tag.

Source: k8s.io/apiserver/pkg/cel/library/{ip,cidr,urls}.go
"""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

TYPES = ("net.IP", "net.CIDR", "kubernetes.URL")
_IP, _CIDR, _URL = "$ip", "$cidr", "$url"
Value = Mapping[str, Any]
"""What CEL carries: the runtime takes maps of strings through Python, but no objects."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Interface | ipaddress.IPv6Interface


def _address(text: str) -> Address:
    address = ipaddress.ip_address(text)
    if "%" in text:
        raise ValueError(f"IP Address {text!r} with zone value is not allowed")
    # Two spellings of one address would be two addresses to a policy (ip.go refuses them too).
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        raise ValueError(f"IPv4-mapped IPv6 address {text!r} is not allowed")
    return address


def _ip(text: str) -> Value:
    try:
        return {_IP: str(_address(text))}
    except ValueError as error:
        raise ValueError(f'IP Address "{text}" parse error during conversion from string: {error}') from error


def _cidr(text: str) -> Value:
    try:
        return {_CIDR: str(_interface(text))}
    except ValueError as error:
        raise ValueError(f'network address parse error during conversion from string: "{text}"') from error


def _interface(text: str) -> Network:
    address, slash, bits = text.partition("/")
    if not slash or not bits.isdigit():
        raise ValueError(f"invalid CIDR address: {text}")
    _address(address)
    return ipaddress.ip_interface(text)


def _url(text: str) -> Value:
    try:
        parts = urlsplit(text)
        # urlsplit is lazy: a port that is no number shows only when it is asked for.
        _ = parts.port
    except ValueError as error:
        raise ValueError(f'URL parse error during conversion from string: parse "{text}": {error}') from error
    # url.ParseRequestURI: absolute, or a path from the root.
    if not (parts.scheme and parts.netloc) and not text.startswith("/"):
        raise ValueError(f'URL parse error during conversion from string: parse "{text}": invalid URI for request')
    return {_URL: text}


def _holds(make: Callable[[str], Value]) -> Callable[[str], bool]:
    def run(text: str) -> bool:
        try:
            make(text)
        except ValueError:
            return False
        return True

    return run


def _of(value: Value, tag: str) -> str:
    if tag not in value:
        raise ValueError("no such overload")
    return str(value[tag])


def _on_ip(pick: Callable[[Address], Any]) -> Callable[[Value], Any]:
    return lambda value: pick(ipaddress.ip_address(_of(value, _IP)))


def _on_cidr(pick: Callable[[Network], Any]) -> Callable[[Value], Any]:
    return lambda value: pick(ipaddress.ip_interface(_of(value, _CIDR)))


def _on_url(pick: Callable[[SplitResult], Any]) -> Callable[[Value], Any]:
    return lambda value: pick(urlsplit(_of(value, _URL)))


def _contains_ip(value: Value, other: Value | str) -> bool:
    text = other if isinstance(other, str) else _of(other, _IP)
    return ipaddress.ip_address(_ip(text)[_IP]) in ipaddress.ip_interface(_of(value, _CIDR)).network


def _contains_cidr(value: Value, other: Value | str) -> bool:
    text = other if isinstance(other, str) else _of(other, _CIDR)
    ours = ipaddress.ip_interface(_of(value, _CIDR)).network
    theirs = ipaddress.ip_interface(_cidr(text)[_CIDR]).network
    return ours.version == theirs.version and theirs.subnet_of(ours)  # pyrefly: ignore  # versions agree


def _is_canonical(text: str) -> bool:
    return str(_ip(text)[_IP]) == text


def _bracketed(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


FUNCTIONS: dict[str, Callable[..., Any] | None] = {
    "ip(string) ip": _ip,
    "isIP(string) bool": _holds(_ip),
    "ip.isCanonical(string) bool": _is_canonical,
    "ip family() int": _on_ip(lambda ip: ip.version),
    "ip isUnspecified() bool": _on_ip(lambda ip: ip.is_unspecified),
    "ip isLoopback() bool": _on_ip(lambda ip: ip.is_loopback),
    "ip isLinkLocalUnicast() bool": _on_ip(lambda ip: ip.is_link_local),
    "ip isLinkLocalMulticast() bool": _on_ip(lambda ip: ip in _LOCAL_MULTICAST[ip.version]),
    "ip isGlobalUnicast() bool": _on_ip(
        lambda ip: (
            not (ip.is_unspecified or ip.is_loopback or ip.is_multicast or ip.is_link_local)
            and str(ip) != "255.255.255.255"
        )
    ),
    "cidr(string) cidr": _cidr,
    "isCIDR(string) bool": _holds(_cidr),
    "cidr containsIP(string) bool": _contains_ip,
    "cidr containsIP(ip) bool": _contains_ip,
    "cidr containsCIDR(string) bool": _contains_cidr,
    "cidr containsCIDR(cidr) bool": _contains_cidr,
    "cidr ip() ip": _on_cidr(lambda interface: {_IP: str(interface.ip)}),
    "cidr masked() cidr": _on_cidr(lambda interface: {_CIDR: str(interface.network)}),
    "cidr prefixLength() int": _on_cidr(lambda interface: interface.network.prefixlen),
    "url(string) url": _url,
    "isURL(string) bool": _holds(_url),
    "url getScheme() string": _on_url(lambda parts: parts.scheme),
    "url getHost() string": _on_url(_bracketed),
    "url getHostname() string": _on_url(lambda parts: parts.hostname or ""),
    "url getPort() string": _on_url(lambda parts: str(parts.port) if parts.port is not None else ""),
    "url getEscapedPath() string": _on_url(lambda parts: parts.path),
    "url getQuery() dyn": _on_url(lambda parts: parse_qs(parts.query, keep_blank_values=True)),
}
_LOCAL_MULTICAST = {4: ipaddress.ip_network("224.0.0.0/24"), 6: ipaddress.ip_network("ff02::/16")}
