"""STEDS: how alike two Markdown documents are as trees of headings and lines. **Their text does not count at all.**

OCRBench v2 ("document parsing") and MWS-Vision-Bench ("image 2 markdown") score this: relabelling a node costs nothing
unless one of the labels is blank, so garbage of the right shape scores 1. Show the CER beside it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

_CLEANING: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"<bos>|<eos>|<pad>|<unk>", ""),
        (r"\s##(\S)", r"\1"),
        (r"\\\s", r"\\"),
        (r"\s\*\s\*\s", "**"),
        (r"{\s", "{"),
        (r"\s}", "}"),
        (r"\s}", "}"),  # twice, as published: "} }" has two
        (r"\\begin\s", r"\\begin"),
        (r"\\end\s", r"\\end"),
        (r"\\end{table}", r"\\end{table} \n\n"),
    )
)


@dataclass
class Node:
    label: str
    children: list[Node] = field(default_factory=list)

    def add(self, label: str) -> Node:
        self.children.append(Node(label))
        return self.children[-1]

    def walk(self) -> Iterator[Node]:
        """Parents before children, left to right."""
        yield self
        for child in self.children:
            yield from child.walk()


def _clean(line: str) -> str:
    for pattern, replacement in _CLEANING:
        line = pattern.sub(replacement, line)
    return line.replace("\n", " ").replace("*", " ").replace("_", " ")


def labelled(text: str) -> Node:
    """OCRBench v2's tree: headings under ROOT, every other line (blank ones too) under the current heading.

    Lines before the first heading stand under a node TITLE. The parent is found *by its label* in the tree so far, so what
    follows a repeated heading goes to the first of its name (and a heading "#" of nothing leads back to TITLE).
    """
    root = Node("ROOT")
    title = current = root.add("TITLE")
    for line in map(_clean, text.split("\n")):
        if line.startswith("#"):
            label = line.replace("#", "")
            root.add(label)
            current = next(node for node in root.walk() if node.label == label) if label else title
        else:
            current.add(line)
    return root


def numbered(text: str) -> Node:
    """MWS's tree: lines without blanks at the ends, blank lines left out, repeated headings told apart, no TITLE."""
    root = current = Node("ROOT")
    seen: Counter[str] = Counter()
    for line in (_clean(line).strip() for line in text.split("\n")):
        if line.startswith("#"):
            heading = line.lstrip("#").strip()
            seen[heading] += 1
            current = root.add(f"{heading}__{seen[heading]}")
        elif line:
            current.add(line)
    return root


def steds(reference: str, reading: str, tree: Callable[[str], Node] = labelled) -> float:
    """1 − tree edit distance / nodes of the larger tree."""
    wanted, found = tree(reference), tree(reading)
    nodes = max(sum(1 for _ in wanted.walk()), sum(1 for _ in found.walk()))
    return 1 - outline_distance(found, wanted) / nodes


def outline_distance(left: Node, right: Node) -> int:
    """Tree edit distance: insertion and deletion cost 1, relabelling 1 if either label is blank (both, too), else 0."""
    return _Distance(left, right).whole()


class _Side:
    """A tree by postorder number: what Zhang and Shasha's recursion needs of it."""

    def __init__(self, root: Node) -> None:
        self.first: list[int] = []  # postorder number of the leftmost leaf below each node
        self.blank: list[bool] = []
        self._number(root)
        last = {leaf: at for at, leaf in enumerate(self.first)}
        self.keyroots = sorted(at for at in last.values() if self.first[at] != at)
        blanks = np.array(self.blank)
        self.any_text = np.array([bool((~blanks[a : at + 1]).any()) for at, a in enumerate(self.first)])
        self.sizes = np.array([at - a + 1 for at, a in enumerate(self.first)])

    def _number(self, node: Node) -> int:
        firsts = [self._number(child) for child in node.children]
        at = len(self.first)
        self.first.append(firsts[0] if firsts else at)
        self.blank.append(not node.label.split())
        return self.first[at]


class _Distance:
    """Zhang and Shasha (1989) in whole numbers, a row at a time; pairs with a single node have a closed form.

    One node against a tree: all nodes but one are inserted, and that one is free if both it and any node there have text.
    """

    def __init__(self, left: Node, right: Node) -> None:
        self.one, self.two = _Side(left), _Side(right)
        one, two = self.one, self.two
        self.relabel = (np.array(one.blank)[:, None] | np.array(two.blank)[None, :]).astype(np.int64)
        self.trees = np.zeros((len(one.first), len(two.first)), dtype=np.int64)
        leaves_one, leaves_two = one.sizes == 1, two.sizes == 1
        paired = ~np.array(one.blank)[:, None] & two.any_text[None, :]
        self.trees[leaves_one] = (two.sizes[None, :] - paired)[leaves_one]
        paired = one.any_text[:, None] & ~np.array(two.blank)[None, :]
        self.trees[:, leaves_two] = (one.sizes[:, None] - paired)[:, leaves_two]

    def whole(self) -> int:
        for i in self.one.keyroots:
            for j in self.two.keyroots:
                self._forests(i, j)
        return int(self.trees[-1, -1])

    def _forests(self, i: int, j: int) -> None:
        """Distances of all prefixes of the forests below the key roots `i` and `j`, and of the trees on their left edges."""
        low_i, low_j = self.one.first[i], self.two.first[j]
        firsts = np.array(self.two.first[low_j : j + 1]) - low_j
        edge = firsts == 0
        columns = np.arange(j - low_j + 2)
        rows = [columns]
        for x in range(low_i, i + 1):
            above, trees = rows[-1], self.trees[x, low_j : j + 1]
            start = self.one.first[x] - low_i
            apart = rows[start][firsts] + trees
            matched = np.where(edge, above[:-1] + self.relabel[x, low_j : j + 1], apart) if start == 0 else apart
            row = np.empty_like(columns)
            row[0] = len(rows)
            row[1:] = np.minimum(above[1:] + 1, matched)
            row = np.minimum.accumulate(row - columns) + columns  # insertions, left to right
            if start == 0:
                trees[edge] = row[1:][edge]
            rows.append(row)
