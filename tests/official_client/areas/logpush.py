import cloudflare


def run(client, world):
    jobs = client.logpush.jobs
    for scope in ({"zone_id": world.zone}, {"account_id": world.account}):
        made = jobs.create(
            destination_conf="https://example.com/intake?header_Authorization=Bearer%20hush",
            dataset="http_requests", enabled=True, name="tour",
            output_options={"field_names": ["ClientIP"], "timestamp_format": "rfc3339"}, **scope,
        )
        assert made.enabled and made.dataset == "http_requests"
        assert jobs.update(made.id, enabled=False, **scope).enabled is False
        assert jobs.get(made.id, **scope).enabled is False
        assert [one.id for one in jobs.list(**scope)] == [made.id]
        assert jobs.delete(made.id, **scope).id == made.id
        try:
            jobs.get(made.id, **scope)
        except cloudflare.NotFoundError:
            pass
        else:
            raise AssertionError("a job outlived its end")
