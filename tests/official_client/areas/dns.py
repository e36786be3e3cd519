def run(client, world):
    records = list(client.dns.records.list(zone_id=world.zone))
    assert records and all(record.name.endswith(world.zone_name) for record in records)
    # Page after page gives the same.
    pages = list(client.dns.records.list(zone_id=world.zone, per_page=2))
    assert [record.id for record in pages] == [record.id for record in records]
