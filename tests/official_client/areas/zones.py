import cloudflare


def run(client, world):
    found = list(client.zones.list(name=world.zone_name))
    assert [zone.id for zone in found] == [world.zone], found
    assert not list(client.zones.list(name="absent.example"))
    zone = client.zones.get(zone_id=world.zone)
    assert zone.name == world.zone_name and zone.account.id == world.account
    try:
        client.zones.get(zone_id="f" * 32)
    except cloudflare.NotFoundError as error:
        assert error.errors[0].code == 7003, error.errors
    else:
        raise AssertionError("a zone that isn't there was found")
