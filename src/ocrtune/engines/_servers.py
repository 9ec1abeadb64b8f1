"""Several servers as one: who gets the next request, how many each is given, and who is left out for a while."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal

import aiohttp

from ocrtune.errors import EngineError

log = logging.getLogger("ocrtune")

LONGEST_HOLD = 60.0  # seconds for which one 429 may hold back all requests to a server
LONGEST_ABSENCE = 30.0  # seconds between two looks at a server that was gone
BROKEN, REST = 3, 5.0  # so many server errors in a row, and for so many seconds the other servers take its share
PROBE = 5.0  # seconds in which a server has to say that it is there
CUT, EASE = 0.5, 0.85  # what is left of a limit after an overload, after answers that began late
LATE, SLOW = 0.5, 0.25  # parts of the timeout by which an answer has begun
KNEE = 0.8  # of the limit that was too high: up to it a limit grows fast, beyond it one request a round

Outcome = Literal["well", "refused", "overloaded", "lost", "other"]  # overloaded: it did not answer in time


class Server:
    """One address, and how it has been doing. `limit` is how many requests it is given at a time."""

    def __init__(self, url: str, most: int) -> None:
        self.url = url
        self.most = most
        self.model: str | None = None
        self.version: str | None = None
        self.root: str | None = None
        self.context: int | None = None
        self.guards = False  # whether it knows `repetition_detection`
        self.session: aiohttp.ClientSession | None = None
        self.limit = float(most)
        self.flying = 0
        self.up = True
        self.watched = False
        self.not_before = 0.0
        self.answered = False
        self.refusals = 0
        self.broken = 0  # replies of an engine that fell over, in a row
        self._knee = float(most)
        self._cut_at = 0.0

    @property
    def has_room(self) -> bool:
        return self.flying < max(1, math.floor(self.limit)) and self.not_before <= time.monotonic()

    def learn(self, outcome: Outcome, *, begun: float, waited: float, timeout: float) -> None:
        """Additive increase, multiplicative decrease. `waited` is how many seconds the answer took to begin: what queues at the
        server costs nothing until it comes near the timeout."""
        if outcome in ("refused", "overloaded") or waited > LATE * timeout:
            self._lower(EASE if outcome == "well" else CUT, begun)
            if outcome == "refused":
                self.limit = max(1.0, min(self.limit, self.flying - 1.0))  # it has room for those that it did not refuse
        elif outcome == "well" and waited < SLOW * timeout:
            step = 0.5 if self.limit < KNEE * self._knee else 1 / self.limit
            self.limit = min(float(self.most), self.limit + step)

    def _lower(self, to: float, begun: float) -> None:
        """Once for all requests that were under way together."""
        if begun < self._cut_at:
            return
        self._cut_at = time.monotonic()
        self.limit = self._knee = max(1.0, self.limit * to)

    def hold(self, seconds: float | None) -> None:
        """One "not now" speaks for all requests: without holding, the rest of the queue would burn its attempts."""
        rest = min(LONGEST_HOLD, 1.0 if seconds is None else seconds)
        self.not_before = max(self.not_before, time.monotonic() + rest)


class Fleet:
    """Hands out places at servers, first come first served, at the one with the smallest share of its limit in use."""

    def __init__(self, servers: Sequence[Server], width: int, probe: Callable[[Server], Coroutine[Any, Any, bool]]) -> None:
        self.servers = tuple(servers)
        self._width = width
        self._probe = probe
        self._waiting: deque[tuple[asyncio.Future[Server], frozenset[str]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, avoid: frozenset[str] = frozenset()) -> Server:
        """A place at a server, at none of the addresses `avoid` while another one is up. Give it back with `give`."""
        place: asyncio.Future[Server] = asyncio.get_running_loop().create_future()
        self._waiting.append((place, avoid))
        self._serve()
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.give(place.result())
            raise

    def give(self, server: Server) -> None:
        server.flying -= 1
        self._serve()

    def others(self, avoid: frozenset[str]) -> bool:
        """Whether there is a server that is up elsewhere."""
        return any(server.up and server.url not in avoid for server in self.servers)

    def hold(self, server: Server, seconds: float | None) -> None:
        server.hold(seconds)
        asyncio.get_running_loop().call_later(server.not_before - time.monotonic() + 0.001, self._serve)

    def lost(self, server: Server) -> None:
        """A connection to it broke: where there are others it gets nothing more until it says that it is there."""
        if len(self.servers) == 1 or server.watched:
            return
        server.watched, server.up = True, False
        self._spawn(self._watch(server))

    def broken(self, server: Server) -> None:
        """A server that fails at once is always the least loaded, and would get every question."""
        server.broken += 1
        if len(self.servers) > 1 and server.broken >= BROKEN and server.up:
            server.up = False
            asyncio.get_running_loop().call_later(REST, self._return, server)

    def _return(self, server: Server) -> None:
        if not server.watched:
            server.up = True
            self._serve()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch(self, server: Server) -> None:
        pause = 0.0
        while not await self._is_there(server):
            if not pause:
                log.warning("%s is gone; the other servers go on", server.url)
            pause = min(LONGEST_ABSENCE, 2 * pause or 0.5)
            await asyncio.sleep(pause)
        if pause:
            log.info("%s is back", server.url)
        server.watched, server.up = False, True
        self._serve()

    async def _is_there(self, server: Server) -> bool:
        with contextlib.suppress(aiohttp.ClientError, EngineError, OSError, TimeoutError):
            async with asyncio.timeout(PROBE):
                return await self._probe(server)
        return False

    def _serve(self) -> None:
        """Give free places to those who wait."""
        late: list[tuple[asyncio.Future[Server], frozenset[str]]] = []
        while self._waiting and sum(server.flying for server in self.servers) < self._width:
            place, avoid = self._waiting.popleft()
            if place.done():
                continue
            if (server := self._free(avoid)) is not None:
                server.flying += 1
                place.set_result(server)
            else:
                late.append((place, avoid))
                if not avoid:
                    break
        self._waiting.extendleft(reversed(late))

    def _free(self, avoid: frozenset[str]) -> Server | None:
        wanted = [s for s in self.servers if s.up and s.url not in avoid]
        free = [s for s in wanted or self.servers if s.has_room]  # with all of them down the failure is the sample's to keep
        return min(free, key=lambda s: s.flying / s.limit, default=None)
