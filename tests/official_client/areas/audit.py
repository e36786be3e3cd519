import datetime

import cloudflare


def run(client, world):
    now = datetime.datetime.now(datetime.timezone.utc)
    since, before = now - datetime.timedelta(hours=1), now + datetime.timedelta(hours=1)
    client.cache.purge(zone_id=world.zone, purge_everything=True)
    client.cache.purge(zone_id=world.zone, purge_everything=True)
    asked = {"account_id": world.account, "since": since.isoformat(), "before": before.isoformat()}
    entries = list(client.accounts.logs.audit.list(limit=1, **asked))
    assert len(entries) >= 2 and len({entry.id for entry in entries}) == len(entries)
    ours = list(client.accounts.logs.audit.list(zone_name=[world.zone_name], **asked))
    assert ours and all(entry.zone.name == world.zone_name for entry in ours)
    try:
        list(client.accounts.logs.audit.list(account_id=world.account, since=asked["since"], before=""))
    except cloudflare.BadRequestError as error:
        assert error.errors[0].code == 1001, error.errors
    else:
        raise AssertionError("a log without an end was given")
    old = list(client.audit_logs.list(
        account_id=world.account, since=since.isoformat(), before=before.isoformat()
    ))
    assert len(old) >= len(entries)
