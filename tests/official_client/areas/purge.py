import cloudflare


def run(client, world):
    assert client.cache.purge(zone_id=world.zone, purge_everything=True).id
    assert client.cache.purge(zone_id=world.zone, files=["https://example.com/a.css"]).id
    assert client.cache.purge(zone_id=world.zone, prefixes=["example.com/blog"]).id
    try:
        client.cache.purge(zone_id=world.zone, tags=[])
    except cloudflare.BadRequestError:
        pass
    else:
        raise AssertionError("a purge of nothing was taken")
