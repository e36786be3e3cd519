import cloudflare


def run(client, world):
    spaces, account = client.kv.namespaces, {"account_id": world.account}
    made = spaces.create(title="tour", **account)
    assert made.id in [one.id for one in spaces.list(**account)]
    of_space = {"namespace_id": made.id, **account}
    spaces.values.update("a/b ü", value=b"one", expiration_ttl=600, **of_space)
    assert spaces.values.get("a/b ü", **of_space).read() == b"one"
    pairs = [{"key": f"k{n:03}", "value": str(n)} for n in range(25)]
    done = spaces.bulk_update(body=pairs, **of_space)
    assert done.successful_key_count == 25 and not done.unsuccessful_keys
    spaces.bulk_update(body=[{"key": "b", "value": "AP8H", "base64": True}], **of_space)
    assert spaces.values.get("b", **of_space).read() == b"\x00\xff\x07"
    spaces.values.delete("b", **of_space)
    keys = list(spaces.keys.list(limit=10, prefix="k", **of_space))
    assert [key.name for key in keys] == [pair["key"] for pair in pairs], keys
    spaces.bulk_delete(body=[pair["key"] for pair in pairs], **of_space)
    left = list(spaces.keys.list(**of_space))
    assert [key.name for key in left] == ["a/b ü"] and left[0].expiration
    spaces.values.delete("a/b ü", **of_space)
    try:
        spaces.values.get("a/b ü", **of_space)
    except cloudflare.NotFoundError as error:
        assert error.errors[0].code == 10009, error.errors
    else:
        raise AssertionError("a value outlived its end")
    try:
        spaces.create(title="tour", **account)
    except cloudflare.BadRequestError as error:
        assert error.errors[0].code == 10014, error.errors
    else:
        raise AssertionError("a title was taken twice")
    spaces.delete(made.id, **account)
