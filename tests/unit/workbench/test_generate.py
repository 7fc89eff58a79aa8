"""The module map is a newcomer's way in; it must be whole and survive being written again."""

from voicefleet_workbench.generate import MAP_BEGINS, MAP_ENDS, module_map, with_module_map
from voicefleet_workbench.sources import PRODUCT


def test_the_map_names_every_module_once():
    """A module that no layer of the map holds is one that nobody decided a place for."""
    modules = [path.relative_to(PRODUCT).as_posix() for path in PRODUCT.rglob("*.py")]
    page = module_map()

    assert {name: page.count(f"| `{name}` |") for name in modules if name != "__init__.py"} == {
        name: 1 for name in modules if name != "__init__.py"
    }


def test_the_text_around_the_map_stays():
    """The page is written by people; only the part between the marks is ours."""
    page = f"before\n{MAP_BEGINS}old map\n{MAP_ENDS}after\n"

    written = with_module_map(page)

    assert written.startswith("before\n")
    assert written.endswith("after\n")
    assert "old map" not in written


def test_writing_the_map_twice_changes_nothing():
    """Otherwise `make verify` would fail right after `make generate`."""
    once = with_module_map(f"{MAP_BEGINS}{MAP_ENDS}")

    assert with_module_map(once) == once
