"""Find the cheapest path through a track with a given number of steps, by dynamic programming.

Wenner et al. (2013): the state is (steps heard so far, node in the source); each step goes on to
the next node, or joins to another one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..audio.arrays import Floats
from ..audio.stopping import looked

_CHOICES = 24
"""Number of tried joins into a node, the cheapest first."""


class Way(NamedTuple):
    """A path through the nodes 0 to n-1 of a track."""

    start: int
    joins: tuple[tuple[int, int], ...]
    """(left, right): nodes at which the path leaves the source, and enters it again."""
    end: int
    cost: float


class Ways:
    """The cheapest paths from a start to each node, for each number of steps up to `steps`.

    `costs` [n, n] has the cost of each join (infinite: no join), `starts` [n] that of each start.
    Every join also costs `join_cost`. At least one step comes before the first join, and `stay`
    steps after each.
    """

    def __init__(
        self, costs: Floats, starts: Floats, steps: int, *, join_cost: float, stay: int
    ) -> None:
        count = costs.shape[0]
        choices = min(_CHOICES, count)
        # [choices, n]: origins of the cheapest joins into each node.
        self._from = np.argpartition(costs, choices - 1, axis=0)[:choices]
        price = np.take_along_axis(costs, self._from, axis=0) + join_cost
        nodes = np.arange(count)
        self._stay = stay
        self.best = np.full((steps + 1, count), np.inf, np.float32)
        """[steps + 1, n] cost of the cheapest way to each node with 0 to `steps` steps."""
        self._left = np.full((steps + 1, count), -1, np.int32)
        self.best[0] = starts
        for step in looked(range(steps + 1)):
            row = self.best[step]
            if step:
                going_on = self.best[step - 1, :-1]
                better = going_on < row[1:]
                row[1:][better] = going_on[better]
                self._left[step, 1:][better] = -1
            landing = step + stay
            if step and landing <= steps and count > stay:
                options = row[self._from] + price
                choice = options.argmin(axis=0)
                value = options[choice, nodes][: count - stay]
                self.best[landing, stay:] = value
                self._left[landing, stay:] = self._from[choice, nodes][: count - stay]
        self._starts = starts

    def to(self, node: int, steps: int) -> Way | None:
        """The cheapest way that is at `node` after `steps` steps, or None."""
        cost = float(self.best[steps, node])
        if not np.isfinite(cost):
            return None
        joins: list[tuple[int, int]] = []
        end = node
        while steps > 0:
            left = int(self._left[steps, node])
            if left < 0:
                steps, node = steps - 1, node - 1
            else:
                steps, node = steps - self._stay, node - self._stay
                joins.append((left, node))
                node = left
        return Way(node, tuple(reversed(joins)), end, cost)


def nodes_of(count: int, places: npt.NDArray[np.intp], limit: int = 1500) -> npt.NDArray[np.intp]:
    """Beats that may be joined: all, or in a long track its downbeats."""
    return np.arange(count) if count <= limit else np.flatnonzero(places == 0)
