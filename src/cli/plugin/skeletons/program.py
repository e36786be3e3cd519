#!/usr/bin/env python3
"""A plugin of riposte: JSON lines in, JSON lines out. Notes go to standard error."""
import datetime
import json
import sys


def say(**message):
    print(json.dumps(message), flush=True)


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


hello = json.loads(sys.stdin.readline())
settings, secrets = hello["settings"], hello["secrets"]
say(type="ready", protocol=1)
if "KIND" == "source":
    say(type="event", cursor="1", kind="sample", time=now(), fields={"name": "first"})
for line in sys.stdin:
    asked = json.loads(line)
    kind = asked["type"]
    if kind == "stop":
        break
    elif kind == "ask":
        say(type="answer", id=asked["id"], fields={"sample": True})
    elif kind == "parse":
        say(type="event", id=asked["id"], kind="sample", time=now(), fields={"name": asked["line"]})
    elif kind == "act":
        print("asked to", asked["do"], file=sys.stderr)
        say(type="outcome", id=asked["id"], outcome="applied")
