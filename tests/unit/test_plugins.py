from __future__ import annotations

import pytest

from ocrtune import plugins
from ocrtune.errors import ConfigError

SHELVES = [x for x in vars(plugins).values() if isinstance(x, plugins.Shelf)]


@pytest.mark.parametrize(("shelf", "name"), [(s, n) for s in SHELVES for n in s.names()], ids=lambda x: getattr(x, "kind", x))
def test_every_name_on_a_shelf_loads(shelf: plugins.Shelf[object], name: str) -> None:
    assert isinstance(shelf.get(name), type)


def test_a_wrong_name_suggests_the_right_one() -> None:
    with pytest.raises(ConfigError, match=r"no engine called 'htp' \(did you mean http\?\)"):
        plugins.ENGINES.get("htp")
