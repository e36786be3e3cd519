import time

import cloudflare


def settled(client, world, operation):
    for _ in range(600):
        state = client.rules.lists.bulk_operations.get(
            operation_id=operation, account_id=world.account
        )
        if state.status in ("completed", "failed"):
            return state
        time.sleep(0.1)
    raise AssertionError("the change of a list has no end")


def run(client, world):
    lists, account = client.rules.lists, {"account_id": world.account}
    made = lists.create(kind="ip", name="toured", description="for the tour", **account)
    of_list = {"list_id": made.id, **account}
    rows = [{"ip": f"10.0.{n // 250}.{n % 250}", "comment": "c"} for n in range(600)]
    started = lists.items.create(body=rows, **of_list)
    try:
        lists.items.create(body=rows, **of_list)
    except cloudflare.RateLimitError as error:
        assert error.errors[0].code == 10040, error.errors
    else:
        raise AssertionError("two changes of lists were under way at once")
    assert settled(client, world, started.operation_id).status == "completed"
    items = list(lists.items.list(per_page=500, **of_list))
    assert len(items) == 600, len(items)
    assert lists.items.get(item_id=items[0].id, **of_list).ip == items[0].ip
    gone = lists.items.delete(items=[{"id": items[0].id}], **of_list)
    settled(client, world, gone.operation_id)
    assert lists.get(**of_list).num_items == 599
    replaced = lists.items.update(body=[{"ip": "2001:db8::/32"}], **of_list)
    settled(client, world, replaced.operation_id)
    assert [item.ip for item in lists.items.list(**of_list)] == ["2001:db8::/32"]
    assert lists.update(description="changed", **of_list).description == "changed"
    assert [one.id for one in lists.list(**account)] == [made.id]
    try:
        lists.create(kind="ip", name="Not Right", **account)
    except cloudflare.BadRequestError as error:
        assert error.errors
    else:
        raise AssertionError("a wrong name was taken")
    assert lists.delete(**of_list).id == made.id
