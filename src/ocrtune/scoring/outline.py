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
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))


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
    first = {"ROOT": root, "TITLE": title}
    unsure: set[str] = set()  # labels that a line before the first of them may have now
    for line in map(_clean, text.split("\n")):
        if line.startswith("#"):
            label = line.replace("#", "")
            first.setdefault(label, root.add(label))
            if label in unsure:
                first[label] = next(node for node in root.walk() if node.label == label)
                unsure.remove(label)
            current = first[label] if label else title
        else:
            node = current.add(line)
            if first.setdefault(line, node) is not node and current is not root.children[-1]:
                unsure.add(line)
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
    one, two = _Side(left), _Side(right)
    # The distance is the same both ways; what it takes is a row for each of `work` and for each key root of the other.
    return (_Distance(one, two) if one.work * len(two.keyroots) <= two.work * len(one.keyroots) else _Distance(two, one)).whole()


class _Side:
    """A tree by postorder number: what Zhang and Shasha's recursion needs of it."""

    def __init__(self, root: Node) -> None:
        nodes = []
        stack = [root]
        while stack:
            nodes.append(stack.pop())
            stack.extend(nodes[-1].children)
        nodes.reverse()  # postorder
        self.first: list[int] = []  # postorder number of the leftmost leaf below each node
        place: dict[int, int] = {}
        for at, node in enumerate(nodes):
            place[id(node)] = at
            self.first.append(self.first[place[id(node.children[0])]] if node.children else at)
        self.blank = np.array([not node.label.split() for node in nodes])
        last = {leaf: at for at, leaf in enumerate(self.first)}
        self.keyroots = sorted(at for at in last.values() if self.first[at] != at)
        texts = np.concatenate([[0], np.cumsum(~self.blank)])
        self.any_text = texts[1:] > texts[self.first]
        self.sizes = np.arange(1, len(nodes) + 1, dtype=np.int32) - np.array(self.first, dtype=np.int32)
        self.work = int(sum(int(self.sizes[at]) for at in self.keyroots))


class _Distance:
    """Zhang and Shasha (1989) in whole numbers, a row at a time; pairs with a single node have a closed form.

    One node against a tree: all nodes but one are inserted, and that one is free if both it and any node there have text.
    """

    def __init__(self, one: _Side, two: _Side) -> None:
        self.one, self.two = one, two
        self.trees = np.zeros((len(one.first), len(two.first)), dtype=np.int32)
        leaves_one, leaves_two = one.sizes == 1, two.sizes == 1
        paired = ~one.blank[leaves_one][:, None] & two.any_text[None, :]
        self.trees[leaves_one] = two.sizes[None, :] - paired
        paired = one.any_text[:, None] & ~two.blank[leaves_two][None, :]
        self.trees[:, leaves_two] = one.sizes[:, None] - paired

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
        columns = np.arange(j - low_j + 2, dtype=np.int32)
        rows = [columns]
        for x in range(low_i, i + 1):
            above, trees = rows[-1], self.trees[x, low_j : j + 1]
            start = self.one.first[x] - low_i
            apart = rows[start][firsts] + trees
            relabel = self.two.blank[low_j : j + 1] | self.one.blank[x]
            matched = np.where(edge, above[:-1] + relabel, apart) if start == 0 else apart
            row = np.empty_like(columns)
            row[0] = len(rows)
            row[1:] = np.minimum(above[1:] + 1, matched)
            row = np.minimum.accumulate(row - columns) + columns  # insertions, left to right
            if start == 0:
                trees[edge] = row[1:][edge]
            rows.append(row)
