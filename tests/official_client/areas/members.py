import cloudflare


def run(client, world):
    account = {"account_id": world.account}
    roles = list(client.accounts.roles.list(**account))
    assert client.accounts.roles.get(roles[0].id, **account).name == roles[0].name
    members = client.accounts.members
    owner = next(iter(members.list(**account)))
    dns = next(role for role in roles if role.name == "DNS")
    made = members.create(email="tour@example.com", roles=[dns.id], **account)
    assert made.status == "pending"
    try:
        members.create(email="tour@example.com", roles=[dns.id], **account)
    except cloudflare.ConflictError:
        pass
    else:
        raise AssertionError("somebody was invited twice")
    # Here roles go whole.
    other = [roles[1].to_dict()]
    changed = members.update(made.id, roles=other, **account)
    assert [role.id for role in changed.roles] == [roles[1].id]
    assert members.get(made.id, **account).roles[0].id == roles[1].id
    assert members.delete(made.id, **account).id == made.id
    try:
        members.delete(owner.id, **account)
    except cloudflare.BadRequestError:
        pass
    else:
        raise AssertionError("the last owner was removed")
