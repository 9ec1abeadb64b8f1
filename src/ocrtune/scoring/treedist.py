"""Tree edit distance by APTED (Pawlik and Augsten 2015, 2016), unit insertions and deletions, given costs of renaming.

Published TEDS figures come from the Python package `apted`; floating-point sums depend on their order, so to agree with
them to the last bit this follows that package: the same strategy, ties broken alike, the same order of additions, and its
one deviation from the papers (`_Apted.distance`). It is several times faster because leaves are handled a row at a time
and costs are looked up instead of called for. Strategies with an inner path are left to the package itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ocrtune.errors import extra

Row = list[float]


class Shape:
    """A tree by its nodes' numbers in preorder, with what the strategy and the path functions need of each."""

    def __init__(self, children: Sequence[Sequence[int]]) -> None:
        """`children[n]`: the numbers of the children of node `n`, left to right; nodes are numbered in preorder."""
        self.children = children
        size = self.n = len(children)
        self.parent = [-1] * size
        self.size = [1] * size
        self.descendants = [0] * size
        self.left_leaf, self.right_leaf = list(range(size)), list(range(size))
        self.left_roots, self.right_roots = [0] * size, [0] * size  # Σ sizes of subtrees off the left (right) paths
        for node in range(size - 1, -1, -1):
            self._sum(node, children[node])
        below = [s * (s + 3) // 2 - d for s, d in zip(self.size, self.descendants, strict=True)]
        self.inner_cost = below
        self.post = self._postorder(mirrored=False)
        self.place = {node: at for at, node in enumerate(self.post)}
        self.mirrored_post = self._postorder(mirrored=True)
        self.is_first = [p >= 0 and children[p][0] == node for node, p in enumerate(self.parent)]
        self.is_last = [p >= 0 and children[p][-1] == node for node, p in enumerate(self.parent)]

    def _sum(self, node: int, below: Sequence[int]) -> None:
        for child in below:
            self.parent[child] = node
            self.size[node] += self.size[child]
            self.descendants[node] += self.descendants[child]
        self.descendants[node] += self.size[node]
        self.left_roots[node] = self.right_roots[node] = self.size[node]
        if below:
            first, last = below[0], below[-1]
            self.left_leaf[node], self.right_leaf[node] = self.left_leaf[first], self.right_leaf[last]
            self.left_roots[node] += sum(self.left_roots[child] for child in below) - self.size[first]
            self.right_roots[node] += sum(self.right_roots[child] for child in below) - self.size[last]

    def _postorder(self, *, mirrored: bool) -> list[int]:
        # Postorder left to right is preorder right to left backwards, and the other way round.
        if mirrored:
            return list(range(self.n - 1, -1, -1))
        order, stack = [], [0]
        while stack:
            node = stack.pop()
            order.append(node)
            stack.extend(self.children[node])
        return order[::-1]

    def leans_left(self) -> bool:
        """Whether fewer leaves are first children than last ones (only children count as first)."""
        first = sum(1 for n in range(1, self.n) if not self.children[n] and self.is_first[n])
        last = sum(1 for n in range(1, self.n) if not self.children[n] and self.is_last[n] and not self.is_first[n])
        return first < last


class _Costs(NamedTuple):
    """Per node of the other tree: cost so far by left, right and inner paths, and the leaf that the inner path ends in."""

    near: Any
    far: Any
    inner: Any
    leaf: Any


def strategy(one: Shape, two: Shape) -> list[list[int]]:
    """The path to decompose each pair of subtrees along, as `apted` numbers them.

    Positive p: the path to node p − 1 of the first tree, or p − 1 − n of the second; negative: the left path. −1 also stands
    for pairs with a single node.
    """
    return _Strategy(one, two, mirrored=not one.leans_left()).compute()


class _Strategy:
    """[2, Algorithm 1]: costs are summed in postorder; `mirrored` reads both trees from right to left.

    *near* is the side that the traversal starts from: left paths, or right ones when mirrored.
    """

    def __init__(self, one: Shape, two: Shape, *, mirrored: bool) -> None:
        self.one, self.two, self.mirrored = one, two, mirrored
        self.sizes = np.array(two.size)
        self.order = two.mirrored_post if mirrored else two.post
        self.leaves = np.array([not below for below in two.children])
        self.spare: list[_Costs] = []
        self.rows: dict[int, _Costs] = {}
        self.paths = [[-1] * two.n for _ in range(one.n)]

    def compute(self) -> list[list[int]]:
        one = self.one
        for v in one.mirrored_post if self.mirrored else one.post:
            if not one.children[v]:
                zeros = np.zeros(self.two.n)
                self._to_parent(v, self.sizes, _Costs(zeros, zeros, zeros, np.full(self.two.n, v)))
                continue
            costs = self.rows.pop(v)
            least, paths = self._subtree(v, costs)
            self._to_parent(v, np.array(least), costs)
            self.paths[v] = paths
            # `apted` reuses the rows of finished nodes, and their last path with them.
            self.spare.append(costs._replace(leaf=np.array(paths)))
        return self.paths

    def _to_parent(self, v: int, least: Any, costs: _Costs) -> None:
        one = self.one
        parent = one.parent[v]
        if parent < 0:
            return
        if parent not in self.rows:
            leaf = self.spare.pop().leaf if self.spare else np.zeros(self.two.n, dtype=np.int64)
            self.rows[parent] = _Costs(np.zeros(self.two.n), np.zeros(self.two.n), np.zeros(self.two.n), leaf)
        near, far, inner, leaf = self.rows[parent]
        first, last = (one.is_last[v], one.is_first[v]) if self.mirrored else (one.is_first[v], one.is_last[v])
        far += least
        better = costs.inner - least < inner
        inner[better] = (costs.inner - least)[better]
        leaf[better] = costs.leaf[better]
        if last:
            inner += far
            far += costs.far - least
        near += costs.near if first else least

    def _subtree(self, v: int, costs: _Costs) -> tuple[list[float], list[int]]:
        """The least cost and the path of the subtree of `v` against every subtree of the other tree."""
        one, two = self.one, self.two
        size = one.size[v]
        near, far, inner = [0.0] * two.n, [0.0] * two.n, [0.0] * two.n
        leaf = [w if not below else 0 for w, below in enumerate(two.children)]
        least, paths = [0.0] * two.n, [-1] * two.n
        rows = [x.tolist() for x in costs]
        for w in self.order:
            if two.children[w]:
                own = rows[0][w], rows[1][w], rows[2][w], rows[3][w]
                least[w], paths[w] = self._choose(v, w, own, (near[w], far[w], inner[w], leaf[w]))
            else:
                least[w] = size
            up = two.parent[w]
            if up < 0:
                continue
            cost = least[w]
            first, last = (two.is_last[w], two.is_first[w]) if self.mirrored else (two.is_first[w], two.is_last[w])
            far[up] += cost
            if inner[w] - cost < inner[up]:
                inner[up], leaf[up] = inner[w] - cost, leaf[w]
            if last:
                inner[up] += far[up]
                far[up] += far[w] - cost
            near[up] += near[w] if first else cost
        return least, paths

    def _choose(self, v: int, w: int, own: tuple[float, ...], other: tuple[float, ...]) -> tuple[float, int]:
        """The cheapest of six paths, the first of equals: left, right, inner of the first tree, then of the second."""
        one, two = self.one, self.two
        a, b = one.size[v], two.size[w]
        left, right = (1, 0) if self.mirrored else (0, 1)
        costs = (
            a * two.left_roots[w] + own[left],
            a * two.right_roots[w] + own[right],
            a * two.inner_cost[w] + own[2],
            b * one.left_roots[v] + other[left],
            b * one.right_roots[v] + other[right],
            b * one.inner_cost[v] + other[2],
        )
        least = min(costs)
        paths = (
            -(one.left_leaf[v] + 1),
            v + a,
            int(own[3]) + 1,
            -(two.left_leaf[w] + one.n + 1),
            w + b + one.n,
            int(other[3]) + one.n + 1,
        )
        return least, paths[costs.index(least)]


class InnerPathError(Exception):
    """The best strategy has an inner path, which this module leaves to the package."""


class _View(NamedTuple):
    """One tree as a path function sees it. `stride`: what a step in this tree is in the flat tables of pairs."""

    shape: Shape
    stride: int


class _Sequence(NamedTuple):
    """A subtree in postorder of the path's side: offset of each node in the tables, on the path?, first node below it."""

    offsets: list[int]
    on_path: list[bool]
    starts: list[int]


class _Apted:
    def __init__(self, one: Shape, two: Shape, renames: Row) -> None:
        """`renames[a * two.n + b]`: the cost of renaming node `a` into node `b`."""
        self.one, self.two, self.renames = _View(one, two.n), _View(two, 1), renames
        self.paths = strategy(one, two)
        sizes_one, sizes_two = np.array(one.size)[:, None], np.array(two.size)[None, :]
        single = (sizes_one == 1) | (sizes_two == 1)
        # Distances without the roots, flat: where one subtree is a single node all others are inserted or deleted.
        self.deltas: Row = np.where(single, np.maximum(sizes_one, sizes_two) - 1, 0).ravel().tolist()

    def distance(self, a: int = 0, b: int = 0) -> float:
        """The distance of the subtrees `a` and `b`."""
        one, two = self.one.shape, self.two.shape
        if one.size[a] == 1 or two.size[b] == 1:
            # Deviation of the package, kept for equal figures: the table gets the distance *with* the roots here, where
            # the papers have it without.
            result = self.deltas[a * two.n + b] = self._single(a, b)
            return result
        path = self.paths[a][b]
        node = abs(path) - 1
        if node < one.n:
            for child in _off_path(one, node, a):
                self.distance(child, b)
            side, own, root = self._side(path, node, one, a), self.one, a
            return self._along(own, self.two, root, b, left=side)
        node -= one.n
        for child in _off_path(two, node, b):
            self.distance(a, child)
        return self._along(self.two, self.one, b, a, left=self._side(path, node, two, b))

    @staticmethod
    def _side(path: int, node: int, shape: Shape, root: int) -> bool:
        if path < 0:
            return True
        if node == root + shape.size[root] - 1:
            return False
        raise InnerPathError

    def _single(self, a: int, b: int) -> float:
        one, two = self.one.shape, self.two.shape
        width, costs = two.n, self.renames
        if one.size[a] == two.size[b] == 1:
            return min(costs[a * width + b], 2)
        if one.size[a] == 1:
            size = two.size[b]
            renames = costs[a * width + b : a * width + b + size]
        else:
            size = one.size[a]
            renames = costs[a * width + b : (a + size) * width + b : width]
        return min(min(size, min(cost - 1 for cost in renames)) + size, size + 1)

    def _along(self, own: _View, other: _View, root: int, other_root: int, *, left: bool) -> float:
        """[1, ΔL and ΔR]: the subtree of `own` along its left (right) path against every key root below `other_root`."""
        rows = _in_postorder(own, root, left=left)
        result = 0.0
        for keyroot in reversed(list(_keyroots(other.shape, other_root, left=left))):
            result = self._forests(rows, _in_postorder(other, keyroot, left=left))
        return result

    def _forests(self, rows: _Sequence, columns: _Sequence) -> float:
        renames, deltas = self.renames, self.deltas
        places = list(zip(columns.offsets, columns.on_path, columns.starts, strict=True))
        table: list[Row] = [[float(j) for j in range(len(places) + 1)]]
        for offset, on_path, start in zip(*rows, strict=True):
            above, before = table[-1], table[start]
            left = above[0] + 1
            row = [left]
            for j, (step, edge, origin) in enumerate(places):
                at = offset + step
                if on_path and edge:
                    delta = deltas[at] = above[j]
                    best = delta + renames[at]
                else:
                    best = before[origin] + deltas[at] + renames[at]
                up = above[j + 1]
                if up < left:
                    left = up
                left += 1
                if best < left:
                    left = best
                row.append(left)
            table.append(row)
        return table[-1][-1]


def _off_path(shape: Shape, node: int, root: int) -> Iterator[int]:
    """The subtrees that hang off the path from `node` up to `root`, from below."""
    while node != root:
        parent = shape.parent[node]
        yield from (child for child in shape.children[parent] if child != node)
        node = parent


def _keyroots(shape: Shape, root: int, *, left: bool) -> Iterator[int]:
    """`root` and, going up its left (right) path, the key roots of the subtrees that hang off it."""
    yield root
    leaf = shape.left_leaf[root] if left else shape.right_leaf[root]
    for child in _off_path(shape, leaf, root):
        yield from _keyroots(shape, child, left=left)


def _in_postorder(view: _View, root: int, *, left: bool) -> _Sequence:
    shape, stride = view
    if left:
        last = shape.place[root]
        order = shape.post[last + 1 - shape.size[root] : last + 1]
    else:
        order = list(range(root + shape.size[root] - 1, root - 1, -1))
    ends = shape.left_leaf if left else shape.right_leaf
    place = {node: at for at, node in enumerate(order)}
    return _Sequence(
        [node * stride for node in order],
        [ends[node] == ends[root] for node in order],
        [place[ends[node]] for node in order],
    )


def distance(one: Shape, two: Shape, renames: Row) -> float:
    """The edit distance of two trees; `renames[a * two.n + b]` is the cost of renaming node `a` of the one into `b`."""
    try:
        return _Apted(one, two, renames).distance()
    except InnerPathError:
        return _by_package(one, two, renames)


class _Node(NamedTuple):
    number: int
    children: list[Any]


def _by_package(one: Shape, two: Shape, renames: Row) -> float:
    with extra("scores"):
        from apted import APTED, Config

    class Costs(Config):  # type: ignore[misc]  # the package has no types
        def rename(self, left: _Node, right: _Node) -> float:
            return renames[left.number * two.n + right.number]

    return float(APTED(_nodes(one, 0), _nodes(two, 0), Costs()).compute_edit_distance())


def _nodes(shape: Shape, root: int) -> _Node:
    return _Node(root, [_nodes(shape, child) for child in shape.children[root]])
