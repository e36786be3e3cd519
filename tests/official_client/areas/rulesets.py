import cloudflare
import pydantic
from cloudflare.types.rulesets import ruleset_create_response

PHASE = "http_request_firewall_custom"


def ruleset(reply):
    """Replies may be a ruleset or, after a dry run, anything; the client then takes anything."""
    plain = reply if isinstance(reply, dict) else reply.to_dict()
    return pydantic.TypeAdapter(ruleset_create_response.Ruleset).validate_python(plain)


def run(client, world):
    sets, zone = client.rulesets, {"zone_id": world.zone}
    try:
        sets.phases.get(PHASE, **zone)
    except cloudflare.NotFoundError as error:
        assert error.errors[0].code == 10003, error.errors
    else:
        raise AssertionError("there was an entry point already")
    rule = {"action": "block", "expression": "(ip.src eq 192.0.2.1)", "ref": "first", "enabled": True}
    made = ruleset(sets.create(kind="zone", name="default", phase=PHASE, rules=[rule], **zone))
    grown = ruleset(sets.rules.create(
        made.id, action="managed_challenge", expression="(ip.src eq 192.0.2.2)", ref="second",
        description="", position={"index": 1}, **zone,
    ))
    assert [one.ref for one in grown.rules] == ["second", "first"]
    changed = ruleset(sets.rules.edit(
        grown.rules[0].id, ruleset_id=made.id, action="block", ref="second",
        expression="(ip.src eq 192.0.2.3)", enabled=False, **zone,
    ))
    assert changed.rules[0].enabled is False and changed.version != made.version
    assert sets.phases.get(PHASE, **zone).id == made.id
    assert sets.get(made.id, **zone).phase == PHASE
    assert [one.id for one in sets.list(**zone)] == [made.id]
    for one in changed.rules:
        left = ruleset(sets.rules.delete(one.id, ruleset_id=made.id, **zone))
    assert not left.rules
