import cloudflare

MODULE = b"export default { async fetch(request, env) { return new Response(env.MODE); } };"


def run(client, world):
    scripts, account = client.workers.scripts, {"account_id": world.account}
    space = client.kv.namespaces.create(title="of a worker", **account)
    made = scripts.update(
        "tour", files=[("worker.mjs", MODULE, "application/javascript+module")],
        metadata={
            "main_module": "worker.mjs", "compatibility_date": "2026-04-01",
            "bindings": [
                {"type": "plain_text", "name": "MODE", "text": "strict"},
                {"type": "kv_namespace", "name": "KV", "namespace_id": space.id},
            ],
        }, **account,
    )
    assert made.id == "tour" and made.handlers == ["fetch"], made
    assert [one.id for one in scripts.list(**account)] == ["tour"]
    scripts.secrets.update("tour", name="KEY", text="hush", type="secret_text", **account)
    assert [one.name for one in scripts.secrets.list("tour", **account)] == ["KEY"]
    set_to = scripts.schedules.update("tour", body=[{"cron": "*/5 * * * *"}], **account)
    assert [one.cron for one in set_to.schedules] == ["*/5 * * * *"]
    assert scripts.schedules.get("tour", **account).schedules[0].cron == "*/5 * * * *"
    routes, zone = client.workers.routes, {"zone_id": world.zone}
    route = routes.create(pattern=f"{world.zone_name}/tour/*", script="tour", **zone)
    try:
        routes.create(pattern=f"{world.zone_name}/tour/*", script="tour", **zone)
    except cloudflare.ConflictError as error:
        assert error.errors[0].code == 10020, error.errors
    else:
        raise AssertionError("a route was made twice")
    assert [one.id for one in routes.list(**zone)] == [route.id]
    assert routes.get(route.id, **zone).script == "tour"
    try:
        client.kv.namespaces.delete(space.id, **account)
    except cloudflare.BadRequestError as error:
        assert error.errors[0].code == 10052, error.errors
    else:
        raise AssertionError("a namespace that a Worker needs was removed")
    routes.delete(route.id, **zone)
    scripts.secrets.delete("KEY", script_name="tour", **account)
    scripts.delete("tour", **account)
    client.kv.namespaces.delete(space.id, **account)
    assert not list(scripts.list(**account))
