#!/usr/bin/env python3
"""An enricher plugin of riposte: is a client's address in a DNS block list?

Each zone is asked for the A record of the reversed address, over UDP. 127.0.0.0/8 means that it is
listed, except 127.255.255.0/24, by which a list says that it does not answer this resolver; NXDOMAIN
means that it is not listed. All else leaves the fields out: unknown is never taken for an answer.
Standard library only.

Settings: `zones` (required), `resolver` (an address, with a port if it isn't 53; the first of
/etc/resolv.conf), `timeout_ms` (2000).
"""

import collections
import ipaddress
import json
import os
import re
import secrets
import selectors
import socket
import struct
import sys
import time

ZONES_MAX = 8
ZONE_CHARS_MAX = 180  # a reversed IPv6 address takes 64 of a name's 253
SOCKETS_MAX = 256
WAITING_MAX = 2048
TIMEOUT_MS_MAX = 5000  # below `limits.answer_ms`, or riposte would end this program
INPUT_BYTES_MAX = 64 * 1024
TYPE_A, TYPE_CNAME, CLASS_IN = 1, 5, 1
LISTS = ipaddress.ip_network("127.0.0.0/8")
LIST_ERRORS = ipaddress.ip_network("127.255.255.0/24")
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)

LISTED, CLEAR, UNKNOWN = "listed", "clear", "unknown"


class Malformed(Exception):
    """A message that is no DNS message."""


def reversed_of(key):
    """The address as it stands before a zone's name; None where nobody is to be asked about it."""
    try:
        address = ipaddress.ip_address(key)
    except ValueError:
        return None
    if address.version == 6 and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not address.is_global or address.is_multicast or address.is_reserved:
        return None
    return address.reverse_pointer.rsplit(".", 2)[0]


def encoded(name):
    parts = [bytes([len(label)]) + label.encode("ascii") for label in name.split(".")]
    return b"".join(parts) + b"\0"


def name_at(data, at):
    """The name at a place, as encoded but in lower case, and the place behind it."""
    name, behind = b"", None
    while True:
        if at >= len(data):
            raise Malformed
        length = data[at]
        if length >= 0xC0:
            if at + 1 >= len(data):
                raise Malformed
            target = (length & 0x3F) << 8 | data[at + 1]
            behind = at + 2 if behind is None else behind
            if target >= at:  # only backwards, so this ends
                raise Malformed
            at = target
            continue
        if length > 63 or at + 1 + length > len(data) or len(name) > 255:
            raise Malformed
        name += data[at:at + 1 + length].lower()
        at += 1 + length
        if length == 0:
            return name, at if behind is None else behind


def unpacked(form, data, at):
    try:
        return struct.unpack_from(form, data, at)
    except struct.error:
        raise Malformed from None


def verdict(data, number, name):
    """What a datagram says of a question; None where it is no answer to it."""
    try:
        found, flags, questions, answers = unpacked("!HHHH", data, 0)
        if found != number or not flags & 0x8000 or flags & 0x7800 or questions != 1:
            return None
        asked, at = name_at(data, 12)
        if asked != name or unpacked("!HH", data, at) != (TYPE_A, CLASS_IN):
            return None
    except Malformed:
        return None
    code = flags & 0xF
    if code == 3:
        return CLEAR
    if code != 0 or flags & 0x0200:
        return UNKNOWN
    try:
        addresses = addresses_of(data, at + 4, answers, name)
    except Malformed:
        return UNKNOWN
    # A zone that was given up may be answered with anything: that is no listing.
    if any(one not in LISTS or one in LIST_ERRORS for one in addresses):
        return UNKNOWN
    return LISTED if addresses else CLEAR


def addresses_of(data, at, answers, name):
    """The A records of a name, also through aliases, which come in the order of the chain."""
    addresses = []
    for _ in range(answers):
        owner, at = name_at(data, at)
        kind, group, _, length = unpacked("!HHIH", data, at)
        at += 10
        if at + length > len(data):
            raise Malformed
        if owner == name and group == CLASS_IN:
            if kind == TYPE_CNAME:
                name = name_at(data, at)[0]
            elif kind == TYPE_A:
                if length != 4:
                    raise Malformed
                addresses.append(ipaddress.IPv4Address(data[at:at + 4]))
        at += length
    return addresses


class Question:
    """One name asked of the resolver, from a port of its own."""

    def __init__(self, resolver, host):
        self.name = encoded(host)
        self.number = secrets.randbelow(1 << 16)
        flags = 0x0100  # recursion desired
        self.message = struct.pack("!HHHHHH", self.number, flags, 1, 0, 0, 0) + self.name
        self.message += struct.pack("!HH", TYPE_A, CLASS_IN)
        family = socket.AF_INET6 if ":" in resolver[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self.socket.setblocking(False)
            # Connected: the kernel picks a random port and drops what others send to it.
            self.socket.connect(resolver)
            self.socket.send(self.message)
        except OSError:
            self.socket.close()
            raise

    def heard(self):
        """What came; None while nothing has that answers it."""
        try:
            for _ in range(64):
                said = verdict(self.socket.recv(4096), self.number, self.name)
                if said is not None:
                    return said
        except BlockingIOError:
            pass
        except OSError:
            return UNKNOWN
        return None


class Ask:
    """What riposte asks: one question for each zone."""

    def __init__(self, number, prefix, now, timeout, zones):
        self.number, self.prefix = number, prefix
        self.again, self.end = now + timeout / 2, now + timeout
        self.said = [None] * zones
        self.questions = {}  # by the zone's place

    def is_open(self):
        """Whether a zone is waited for: the first one that lists the address is enough."""
        for said in self.said:
            if said is None or said == LISTED:
                return said is None
        return False

    def fields(self, zones):
        """The answer, naming the first zone that lists the address; None where it isn't known."""
        for said, zone in zip(self.said, zones):
            if said == LISTED:
                return {"dnsbl_listed": True, "dnsbl_zone": zone}
        return None if UNKNOWN in self.said else {"dnsbl_listed": False}


class Enricher:
    """All that is asked now. Nothing in here waits, except for riposte."""

    def __init__(self, zones, resolver, timeout):
        self.zones, self.resolver, self.timeout = zones, resolver, timeout
        self.selector = selectors.PollSelector()
        self.waiting = collections.deque()
        self.open = []

    def ask(self, message):
        number, key = message.get("id"), message.get("key")
        prefix = reversed_of(key) if isinstance(key, str) else None
        if prefix is None:
            return answer(number, {})
        if len(self.waiting) >= WAITING_MAX:
            return answer(number, None)
        now = time.monotonic()
        self.waiting.append(Ask(number, prefix, now, self.timeout, len(self.zones)))

    def begin(self):
        """Asks for as many as may be open at once."""
        while self.waiting and (len(self.open) + 1) * len(self.zones) <= SOCKETS_MAX:
            ask = self.waiting.popleft()
            self.open.append(ask)
            for place, zone in enumerate(self.zones):
                try:
                    question = Question(self.resolver, "%s.%s" % (ask.prefix, zone))
                except OSError:
                    ask.said[place] = UNKNOWN
                    continue
                ask.questions[place] = question
                self.selector.register(question.socket, selectors.EVENT_READ, (ask, place))

    def close(self, ask, place):
        question = ask.questions.pop(place, None)
        if question is not None:
            self.selector.unregister(question.socket)
            question.socket.close()

    def hear(self, ask, place):
        question = ask.questions.get(place)
        said = question.heard() if question is not None else None
        if said is not None:
            ask.said[place] = said
            self.close(ask, place)

    def settle(self):
        """Answers what is known or too late; repeats once what may have been lost."""
        now = time.monotonic()
        while self.waiting and self.waiting[0].end <= now:
            answer(self.waiting.popleft().number, None)
        still = []
        for ask in self.open:
            if ask.end <= now:
                ask.said = [said or UNKNOWN for said in ask.said]
            elif ask.again <= now:
                ask.again = ask.end
                for question in ask.questions.values():
                    try:
                        question.socket.send(question.message)
                    except OSError:
                        pass  # heard as an error, or too late
            if ask.is_open():
                still.append(ask)
                continue
            fields = ask.fields(self.zones)
            for place in list(ask.questions):
                self.close(ask, place)
            answer(ask.number, fields)
        self.open = still

    def pause(self):
        """Seconds until something is due, or None."""
        due = [min(ask.again, ask.end) for ask in self.open]
        due += [ask.end for ask in list(self.waiting)[:1]]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def run(self, pending):
        """Until the input ends. `pending` was read behind the greeting."""
        self.selector.register(0, selectors.EVENT_READ, None)
        while True:
            *lines, pending = pending.split(b"\n")
            for line in lines:
                message = json.loads(line)
                if message.get("type") == "stop":
                    return
                if message.get("type") == "ask":
                    self.ask(message)
            self.begin()
            self.settle()
            self.begin()
            for key, _ in self.selector.select(self.pause()):
                if key.data is not None:
                    self.hear(*key.data)
                    continue
                data = os.read(0, INPUT_BYTES_MAX)
                if not data:
                    return
                pending += data


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def answer(number, fields):
    say({"type": "answer", "id": number, "fields": fields})


def fault(words):
    say({"type": "fault", "message": words})
    sys.exit(1)


def zones_of(given):
    if not isinstance(given, list) or not 1 <= len(given) <= ZONES_MAX:
        fault("the setting `zones` is required: a list of 1 to %d names of lists" % ZONES_MAX)
    zones = []
    for zone in given:
        name = zone.lower().rstrip(".") if isinstance(zone, str) else ""
        labels = name.split(".")
        if len(name) > ZONE_CHARS_MAX or len(labels) < 2 or not all(map(LABEL.fullmatch, labels)):
            fault("`zones` holds %s, which is no zone's name" % json.dumps(zone))
        zones.append(name)
    return zones


def resolver_of(given):
    if given is None:
        try:
            with open("/etc/resolv.conf", encoding="utf-8", errors="replace") as file:
                words = [line.split() for line in file]
        except OSError as error:
            fault("`resolver` is not set, and /etc/resolv.conf can't be read: %s" % error)
        given = next((line[1] for line in words if line[:1] == ["nameserver"] and line[1:]), None)
        if given is None:
            fault("`resolver` is not set, and /etc/resolv.conf names none")
        host, port = given.partition("%")[0], "53"
    else:
        text = given if isinstance(given, str) else ""
        found = re.fullmatch(r"\[([^\]]*)\](?::([0-9]{1,5}))?|([0-9.]+)(?::([0-9]{1,5}))?", text)
        host, port = text, "53"
        if found:
            host, port = found[1] or found[3] or "", found[2] or found[4] or "53"
    try:
        address, number = ipaddress.ip_address(host), int(port)
    except ValueError:
        address, number = None, 0
    if address is None or not 0 < number < 65536:
        fault("`resolver` is %s: an address is meant, such as \"127.0.0.53:53\"" % json.dumps(given))
    return str(address), number


def main():
    greeting = b""
    while b"\n" not in greeting:
        data = os.read(0, INPUT_BYTES_MAX)
        if not data:
            return
        greeting += data
    greeting, _, pending = greeting.partition(b"\n")
    settings = json.loads(greeting).get("settings", {})
    for name in sorted(set(settings) - {"zones", "resolver", "timeout_ms"}):
        fault("there is no setting `%s`" % name)
    timeout_ms = settings.get("timeout_ms", 2000)
    if type(timeout_ms) is not int or not 50 <= timeout_ms <= TIMEOUT_MS_MAX:
        fault("`timeout_ms` is a whole number from 50 to %d" % TIMEOUT_MS_MAX)
    zones = zones_of(settings.get("zones"))
    resolver = resolver_of(settings.get("resolver"))
    say({"type": "ready", "protocol": 1})
    Enricher(zones, resolver, timeout_ms / 1000).run(pending)


if __name__ == "__main__":
    main()
