import datetime

import httpx

QUESTION = """query($zone: string!, $since: Time!) { viewer { zones(filter: {zoneTag: $zone}) {
  top: httpRequestsAdaptiveGroups(filter: {datetime_geq: $since}, limit: 3, orderBy: [count_DESC]) {
    count dimensions { clientCountryName } }
  firewallEventsAdaptive(filter: {datetime_geq: $since, action: "block"}, limit: 5, orderBy: [datetime_ASC]) {
    action clientIP datetime rayName } } } }"""


def ask(client, question, **variables):
    body = {"query": question, "variables": variables}
    return client.post("/graphql", body=body, cast_to=httpx.Response).json()


def run(client, world):
    since = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=20)).isoformat()
    reply = ask(client, QUESTION, zone=world.zone, since=since)
    zone = reply["data"]["viewer"]["zones"][0]
    counts = [row["count"] for row in zone["top"]]
    assert len(counts) == 3 and counts == sorted(counts, reverse=True), counts
    events = zone["firewallEventsAdaptive"]
    assert len(events) == 5 and {event["action"] for event in events} == {"block"}
    # Errors come with HTTP 200.
    wrong = ask(client, QUESTION.replace("rayName", "rayNeim"), zone=world.zone, since=since)
    assert "rayNeim" in wrong["errors"][0]["message"] and not wrong["data"], wrong
    far = ask(client, QUESTION, zone=world.zone, since="2020-01-01T00:00:00Z")
    assert far["errors"], far
