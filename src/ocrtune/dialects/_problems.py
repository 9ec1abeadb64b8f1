"""What went wrong while one reply was read: each kind once, with how often and the first case."""

from __future__ import annotations

from ocrtune.core import Problem


class Problems:
    """Collects defects by kind, in the order in which they first appeared."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, str]] = {}

    def add(self, kind: str, detail: str = "") -> None:
        """One more defect of this kind; only the first one's detail is kept."""
        times, first = self._seen.get(kind, (0, detail))
        self._seen[kind] = times + 1, first

    def __contains__(self, kind: str) -> bool:
        return kind in self._seen

    def listed(self) -> tuple[Problem, ...]:
        return tuple(
            Problem(kind=kind, detail=detail if times == 1 else f"{times} times; first: {detail}" if detail else f"{times} times")
            for kind, (times, detail) in self._seen.items()
        )
