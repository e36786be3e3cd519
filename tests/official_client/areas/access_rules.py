import cloudflare


def run(client, world):
    for scope in ({"zone_id": world.zone}, {"account_id": world.account}):
        rules = client.firewall.access_rules
        one = {"target": "ip", "value": "192.0.2.7"}
        made = rules.create(configuration=one, mode="block", notes="a note", **scope)
        assert made.mode == "block"
        six = {"target": "ip6", "value": "2001:db8::7"}
        allowed = rules.create(configuration=six, mode="whitelist", **scope)
        try:
            rules.create(configuration=one, mode="challenge", **scope)
        except cloudflare.BadRequestError as error:
            assert error.errors[0].code == 10009, error.errors
        else:
            raise AssertionError("one address had two rules")
        found = list(rules.list(notes="note", **scope))
        assert [rule.id for rule in found] == [made.id], found
        changed = rules.edit(rule_id=made.id, configuration=one, mode="challenge", notes="x", **scope)
        assert changed.mode == "challenge"
        assert rules.get(rule_id=made.id, **scope).notes == "x"
        for rule in (made, allowed):
            assert rules.delete(rule_id=rule.id, **scope).id == rule.id
        assert not list(rules.list(**scope))
