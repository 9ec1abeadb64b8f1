"""Meeting servers: addresses, connections, and what they say of themselves before they are asked anything."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import logging
from collections.abc import Sequence
from typing import NamedTuple

import aiohttp
from packaging.version import InvalidVersion, Version
from yarl import URL

from ocrtune.engines._servers import Server
from ocrtune.engines.openai import Card, model_cards
from ocrtune.errors import EngineError
from ocrtune.options import EngineOptions

log = logging.getLogger("ocrtune")

KEPT = 4.0  # seconds an idle connection is kept; uvicorn, under most servers, closes its side after five
GUARDED_SINCE = Version("0.17.0")  # vLLM's `repetition_detection`


def normalise_url(text: str) -> str:
    """`host:port`, with or without scheme, /v1, /chat/completions and slashes → the base ending in its version."""
    url = text.strip().rstrip("/")
    url = url if "://" in url else f"http://{url}"
    for tail in ("/chat/completions", "/completions", "/models"):
        url = url.removesuffix(tail)
    url = url.rstrip("/")
    last = url.rsplit("/", 1)[1]
    return url if last[:1] == "v" and last[1:2].isdigit() else f"{url}/v1"


def plain_url(text: str) -> str:
    """The address of a plain service: as it is typed, with a scheme."""
    url = text.strip()
    return url if "://" in url else f"http://{url}"


async def meet_plain(servers: Sequence[Server], model: str | None) -> list[Server]:
    """Those that answer anything at all: a plain service lists no models. Raises UnreachableError when none does."""
    there, gone = [], []
    for server in servers:
        assert server.session is not None
        server.model = model or "local"
        try:
            async with server.session.get(server.url) as reply:
                server.version = reply.headers.get("server")
            there.append(server)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as cause:
            why = f"no service answers at {server.url}: {str(cause) or type(cause).__name__}"
            gone.append(UnreachableError(why, hint="is it running, and is --base-url its whole address, such as …/predict?"))
    if not there:
        raise gone[0]
    return there


def sessions(servers: Sequence[Server], options: EngineOptions, key: str | None) -> None:
    """Give every server its connections. Needs a running event loop."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    for server in servers:
        server.session = aiohttp.ClientSession(
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=options.timeout),
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=not _is_local(server.url),
        )


class UnreachableError(EngineError):
    """Nobody answers at an address: with several servers that is no reason to stop."""


class _Greeting(NamedTuple):
    """The models that a server lists, and the status with which it did."""

    cards: list[Card]
    status: int


async def meet(servers: Sequence[Server], model: str | None, *, keyed: bool) -> list[Server]:
    """Those that answer, with what they serve. Raises EngineError when none does or one of them cannot be used."""
    greetings = await asyncio.gather(*(_greet(server, keyed=keyed) for server in servers), return_exceptions=True)
    there, gone = [], []
    for server, greeting in zip(servers, greetings, strict=True):
        if isinstance(greeting, UnreachableError):
            gone.append(greeting)
        elif isinstance(greeting, BaseException):
            raise greeting
        else:
            _choose(server, greeting, model)
            there.append(server)
    if not there:
        raise gone[0]
    for error in gone:
        log.warning("%s; the other servers go on without it", error)
    return there


async def _greet(server: Server, *, keyed: bool) -> _Greeting:
    assert server.session is not None
    try:
        async with server.session.get(f"{server.url}/models") as reply:
            body, header, status = await reply.read(), reply.headers.get("server"), reply.status
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as cause:
        raise UnreachableError(
            f"no server answers at {server.url}: {str(cause) or type(cause).__name__}",
            hint="is it running, and does --base-url name its host, port and path (usually ending in /v1)?",
        ) from cause
    if status in (401, 403):
        raise EngineError(
            f"{server.url} refuses access (http {status})",
            hint="is $API_KEY right?" if keyed else "put the server's key into the environment variable API_KEY",
        )
    server.version = await _version(server) or header
    return _Greeting(model_cards(status, body), status)


def _choose(server: Server, greeting: _Greeting, model: str | None) -> None:
    """Some servers list nothing, or a cache, so a given name is only compared, never refused."""
    cards, status = greeting
    served = [card.name for card in cards]
    if model is None and len(served) != 1:
        what = f"serves {len(served)} models: {', '.join(served)}" if served else f"does not list its models (http {status})"
        raise EngineError(f"{server.url} {what}", hint="name one with --model")
    if model is not None and served and model not in served:
        log.warning("%s lists %s, not the model %r; asking for it all the same", server.url, served, model)
    server.model = model or served[0]
    card = next((card for card in cards if card.name == server.model), cards[0] if len(cards) == 1 else Card(server.model))
    server.root = card.root
    server.context = card.context or next((other.context for other in cards if other.context), None)  # adapters have none
    server.guards = card.owner == "vllm" and _at_least(server.version, GUARDED_SINCE)


async def _version(server: Server) -> str | None:
    """vLLM and others say it at /version; else the header, which may name the web framework only."""
    assert server.session is not None
    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError, ValueError, AttributeError):
        async with server.session.get(f"{server.url.rsplit('/v', 1)[0]}/version") as found:
            if found.status == 200 and (version := json.loads(await found.read()).get("version")):
                return str(version)
    return None


def _at_least(version: str | None, floor: Version) -> bool:
    with contextlib.suppress(InvalidVersion):
        return version is not None and Version(version) >= floor
    return False


def _is_local(url: str) -> bool:
    """Proxies of the environment are for the network, not for a server on this machine."""
    with contextlib.suppress(ValueError):
        host = URL(url).host or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    return False
