"""Holds transcripts of the look-alike to Cloudflare's published schema.

usage: hold.py SCHEMA.json TRANSCRIPT.jsonl…

Beside the schema lies `check_exchange.py`, which compares; here is only what must be left out: the
schema's own faults, and requests that were refused, since tests send wrong ones on purpose. Prints
a line for each fault and a summary; ends with 1 when there is a fault or nothing to check.
"""

import importlib.util
import json
import pathlib
import re
import sys

# What only the server can know is listed as required in requests.
OF_SERVER = ("id", "version", "last_updated")


def is_of_the_schema(exchange, fault):
    for field in OF_SERVER:
        if fault.endswith(f"request $: '{field}' is a required property"):
            return True
    # `null` is a result of refusals, though the schema has no null there.
    if fault.startswith("reply 4") and "$.result: None is not of type" in fault:
        return True
    path = exchange["path"]
    # Only some types of records have `data`.
    if "/dns_records" in path and fault.endswith("'data' is a required property"):
        return True
    return any(re.search(where, path) and re.search(what, fault) for where, what in KNOWN)


# Further faults of the schema, by path and text, each with its reason.
KNOWN = [
    # The description of this call was taken from that of access rules.
    (r"/firewall/ua_rules/", r"request \$\.configuration"),
    # A mode may be longer than the length that is given for it: `managed_challenge` is in its own list.
    (r"/firewall/ua_rules", r"mode: 'managed_challenge' is too long"),
    # A comment may be null.
    (r"/dns_records", r"\$\.result.*'comment': None"),
    # A patch changes mode and notes; what a rule is about can't be changed.
    (r"/firewall/access_rules/rules/[0-9a-f]{32}$", r"request \$: 'configuration' is a required"),
    # Cloudflare's own client sends none.
    (r"/tokens/[0-9a-f]{32}/value$", r"^request body is missing$"),
    # A patch of the content alone is what Cloudflare's docs show.
    (r"/dns_records/(batch$|[0-9a-f]{32}$)", r"request \$(: |\.patches\[)"),
]


# Of long lists the beginning is looked at: all of their items are made alike.
ITEMS_MAX = 50


def shortened(value):
    if isinstance(value, list):
        return [shortened(one) for one in value[:ITEMS_MAX]]
    if isinstance(value, dict):
        return {name: shortened(one) for name, one in value.items()}
    return value


def untyped(node):
    if isinstance(node, dict):
        if node.get("type") == "unknown":
            del node["type"]
        for one in node.values():
            untyped(one)
    elif isinstance(node, list):
        for one in node:
            untyped(one)


def main():
    schema_path, *transcripts = sys.argv[1:]
    schema_path = pathlib.Path(schema_path)
    spec = importlib.util.spec_from_file_location(
        "check_exchange", schema_path.with_name("check_exchange.py")
    )
    checker = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(checker)
    schema = checker.Schema(schema_path)
    # Metadata of a key has the type "unknown", which no validator knows: it may be anything.
    for spec in (schema.spec, schema.requests):
        untyped(spec)
    schema.registries = {
        name: checker.Registry().with_resource(
            name,
            checker.Resource(contents=schema._nullable(spec), specification=checker.DRAFT4),
        )
        for name, spec in (("urn:req", schema.requests), ("urn:rep", schema.spec))
    }
    count, operations, told = 0, set(), set()
    for transcript in transcripts:
        for line in open(transcript):
            exchange = shortened(json.loads(line))
            count += 1
            operations.add((exchange["method"], schema.operation(exchange["method"], exchange["path"])[0]))
            refused = exchange["status"] >= 400
            for fault in schema.check(exchange):
                if refused and not fault.startswith("reply "):
                    continue
                if not is_of_the_schema(exchange, fault):
                    shown = re.sub(r"[0-9a-f]{32}", "{id}", exchange["path"])
                    told.add(f"{exchange['method']} {shown}: {fault}")
    for fault in sorted(told):
        print(fault)
    print(f"{count} exchanges, {len(operations)} operations, {len(told)} faults")
    return 1 if told or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
