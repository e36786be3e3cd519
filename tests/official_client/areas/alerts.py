def run(client, world):
    alerting, account = client.alerting, {"account_id": world.account}
    hook = alerting.destinations.webhooks.create(
        name="tour", url="https://example.com/hook", secret="hush", **account
    )
    assert [one.id for one in alerting.destinations.webhooks.list(**account)] == [hook.id]
    policy = alerting.policies.create(
        name="tour", alert_type="http_alert_origin_error", enabled=True,
        mechanisms={"webhooks": [{"id": hook.id}]}, **account,
    )
    assert [one.alert_type for one in alerting.policies.list(**account)] == ["http_alert_origin_error"]
    alerting.policies.delete(policy.id, **account)
    alerting.destinations.webhooks.delete(hook.id, **account)
    assert not list(alerting.policies.list(**account))
