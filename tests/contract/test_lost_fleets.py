"""A deletion that no watch tells: the fake and the real API server both know who exists."""

from support.worlds import World


async def test_a_fleet_that_exists_is_not_forgotten(world: World):
    """Whoever forgets a living fleet leaves it alone for ever."""
    lost = await world.cluster.forget_lost_fleets()

    assert list(lost) == []
    assert world.cluster.find_fleet(world.fleet) is not None


async def test_a_fleet_that_is_gone_is_forgotten(world: World):
    """Nothing else feeds this cache here, as when the deletion falls between two watches."""
    await world.remove(world.fleet)

    await world.cluster.forget_lost_fleets()

    assert world.cluster.find_fleet(world.fleet) is None
