#!/usr/bin/env python3
"""An action plugin of riposte: sends messages to a chat's incoming webhook.

Settings: `style` ("slack", "discord", "text", "generic"), `prefix` (""), `timeout_secs` (5, at
most 8), `dry_run` (false). Secret: `url`, the webhook's address. README.md tells the rest.
Standard library only.
"""

import collections
import http.client
import ipaddress
import json
import re
import socket
import ssl
import sys
import threading
import unicodedata
from urllib.parse import urlsplit

# Characters of a message, by style; what the services take, or less.
CHARS_MAX = {"slack": 4_000, "discord": 2_000, "text": 4_000, "generic": 4_000}
WORD_CHARS_MAX = 256
REPLY_BYTES_MAX = 4 * 1024
KNOWN_MAX = 10_000
WAITING_MAX = 100
# Pauses before the further attempts, in seconds; a service may ask for longer ones.
PAUSES = (2, 10, 30)
PAUSE_MAX = 60

JOINER = "\u2060"


class Fault(Exception):
    """What is wrong with the config."""


class Refused(Exception):
    """It did not happen, and trying again would not help, or might double it."""


class Later(Exception):
    """It did not happen now; `after` is how long the service wants to be left alone."""

    def __init__(self, words, after=None):
        super().__init__(words)
        self.after = after


# What is sent.


def visible(character):
    """Control, format and other invisible characters are written out."""
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"):
        return "\\u{%x}" % ord(character)
    return character


def harmless(value, chars_max):
    """Text in which nobody is mentioned, nothing is a link and no code span ends."""
    source = value if isinstance(value, str) else ""
    # riposte has put a joiner after each sign already.
    source = source.replace("@" + JOINER, "@").strip()
    # What is invisible is written with more characters; the rest would be cut anyway.
    more = max(0, len(source) - chars_max)
    words = "".join(visible(one) for one in source[:chars_max])
    words = words.replace("`", "'").replace("<", "\u2039").replace(">", "\u203a")
    words = words.replace("@", "@" + JOINER)
    words = re.sub(r"&(?=[#A-Za-z])", "&" + JOINER, words)
    words = words.replace("](", "] (").replace("://", ":" + JOINER + "//")
    words = re.sub(r"(?i)\b(www)\.", r"\1" + JOINER + ".", words)
    return cut(words, chars_max, more)


def units(words):
    """Some services count UTF-16 units."""
    return len(words.encode("utf-16-le")) // 2


def cut(words, most, more=0):
    if more == 0 and units(words) <= most:
        return words
    kept = words[:most]
    while True:
        mark = "\u2026 (%d characters more)" % (len(words) - len(kept) + more)
        over = units(kept) + len(mark) - most
        if over <= 0:
            return kept + mark
        # Half, since a character may be two units.
        kept = kept[:len(kept) - (over + 1) // 2]


def body_of(style, prefix, act):
    """What is posted for an action."""
    most = CHARS_MAX[style]
    message = act.get("message") if isinstance(act.get("message"), str) else ""
    # Two backticks stand around it.
    words = harmless(prefix + message, most - 2) or "(no words)"
    if style == "slack":
        body = {"text": "`%s`" % words, "unfurl_links": False, "unfurl_media": False,
                "link_names": 0}
    elif style == "discord":
        body = {"content": "`%s`" % words, "allowed_mentions": {"parse": []}}
    elif style == "text":
        body = {"text": words}
    else:
        body = {"message": words}
        for name in ("id", "channel", "rule", "key", "time"):
            body[name] = harmless(act.get(name), WORD_CHARS_MAX)
    return json.dumps(body)


# How it is sent.


class Hook:
    """Where messages go. Its address is in no words that are said of it."""

    def __init__(self, address, timeout):
        self.timeout = timeout
        if not isinstance(address, str) or not address:
            raise Fault("the secret `url` is required: the webhook's address")
        try:
            parts = urlsplit(address)
            self.host, self.port, scheme = parts.hostname, parts.port, parts.scheme
        except ValueError:
            raise Fault("the secret `url` is no address") from None
        if not address.isascii() or any(one <= " " or one == "\x7f" for one in address):
            raise Fault("the secret `url` holds a blank, a control or a foreign character")
        if scheme not in ("http", "https") or not self.host or "@" in parts.netloc:
            raise Fault("the secret `url` is no web address without a user")
        if scheme == "http" and not loopback(self.host):
            raise Fault("the secret `url` begins with http: only https is allowed off this machine")
        self.path = (parts.path or "/") + ("?" + parts.query if parts.query else "")
        self.context = ssl.create_default_context() if scheme == "https" else None

    def post(self, body):
        """Posts it. The whole attempt ends in time, whatever looks names up or trickles."""
        attempt = Attempt(self, body.encode())
        attempt.start()
        attempt.join(self.timeout)
        return attempt.end()


class Attempt(threading.Thread):
    """One request, on a thread of its own, since not all of it can be given a time limit."""

    def __init__(self, hook, body):
        super().__init__(daemon=True)
        self.hook, self.body = hook, body
        self.lock = threading.Lock()
        self.sent = self.given_up = False
        self.status = self.after = self.trouble = self.connection = None

    def run(self):
        hook = self.hook
        try:
            if hook.context is None:
                self.connection = http.client.HTTPConnection(
                    hook.host, hook.port, timeout=hook.timeout)
            else:
                self.connection = http.client.HTTPSConnection(
                    hook.host, hook.port, timeout=hook.timeout, context=hook.context)
            self.connection.connect()
            with self.lock:
                if self.given_up:
                    return
                self.sent = True
            self.connection.request("POST", hook.path, self.body, {
                "Content-Type": "application/json", "User-Agent": "riposte-chat",
                "Connection": "close"})
            reply = self.connection.getresponse()
            after = reply.getheader("Retry-After", "")
            reply.read(REPLY_BYTES_MAX)
            self.after = int(after) if re.fullmatch("[0-9]{1,6}", after) else None
            self.status = reply.status
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.trouble = words_of(error)
        finally:
            if self.connection is not None:
                self.connection.close()

    def end(self):
        """Nothing where it was taken; else raises."""
        with self.lock:
            self.given_up = True
            status, sent = self.status, self.sent
        if status is None:
            words = self.trouble or "no answer within %s s" % self.hook.timeout
            if self.is_alive():
                self.hang_up()
            if sent:
                raise Refused(words + "; the message may have arrived")
            raise Later(words)
        if 200 <= status < 300:
            return
        words = "the chat answered %d" % status
        if status in (408, 429) or status >= 500:
            raise Later(words, self.after)
        if 300 <= status < 400:
            raise Refused(words + ", a redirect, which is not followed")
        raise Refused(words)

    def hang_up(self):
        try:
            self.connection.sock.shutdown(socket.SHUT_RDWR)
        except (AttributeError, OSError):
            pass


def loopback(host):
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def words_of(error):
    """What went wrong; errors' own words may hold the address."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "the certificate is not trusted"
    if isinstance(error, ssl.SSLError):
        return "TLS failed"
    if isinstance(error, socket.gaierror):
        return "the host's name was not found"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    return "the connection failed (%s)" % type(error).__name__


# What is said to riposte.


class Desk:
    """Takes actions, and remembers what became of each."""

    def __init__(self, post):
        self.post = post
        self.lock = threading.Lock()
        self.more = threading.Condition(self.lock)
        self.known = collections.OrderedDict()  # id: (outcome, words)
        self.waiting = collections.deque()  # (id, body), the first is tried again first

    def act(self, name, body):
        """Says what becomes of an action; the same id is not sent twice."""
        with self.lock:
            if name in self.known:
                outcome, words = self.known[name]
                return say_outcome(name, "unchanged" if outcome == "applied" else outcome, words)
            if len(self.waiting) >= WAITING_MAX:
                return self.keep(name, "failed", "too many messages wait for the chat")
            if self.waiting:
                # Those before it come first.
                return self.wait(name, body, 0)
        try:
            self.post(body)
        except Refused as error:
            outcome, words = "failed", str(error)
        except Later as error:
            with self.lock:
                return self.wait(name, body, error.after or PAUSES[0], str(error))
        else:
            outcome, words = "applied", ""
        with self.lock:
            return self.keep(name, outcome, words)

    def keep(self, name, outcome, words):
        """Under the lock, so that what came of it later is said after `pending`."""
        self.known[name] = (outcome, words)
        if len(self.known) > KNOWN_MAX:
            self.known.popitem(last=False)
        say_outcome(name, outcome, words)

    def wait(self, name, body, pause, words="others wait before it"):
        self.waiting.append((name, body, pause))
        self.more.notify()
        self.keep(name, "pending", words)

    def work(self):
        """Tries again what waits, one after another; runs for ever."""
        while True:
            with self.lock:
                while not self.waiting:
                    self.more.wait()
                name, body, pause = self.waiting[0]
            outcome, words = self.again(body, pause)
            with self.lock:
                self.waiting.popleft()
                self.keep(name, outcome, words)

    def again(self, body, pause):
        words = ""
        for next_pause in PAUSES[1:] + (None,):
            threading.Event().wait(min(max(pause, 0), PAUSE_MAX))
            try:
                self.post(body)
                return "applied", ""
            except Refused as error:
                return "failed", str(error)
            except Later as error:
                words = str(error)
                pause = error.after or next_pause
        return "failed", words + ", %d times" % len(PAUSES)


SPEAKING = threading.Lock()


def say(message):
    with SPEAKING:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def say_outcome(name, outcome, words):
    message = {"type": "outcome", "id": name, "outcome": outcome}
    if words:
        message["message"] = words
    say(message)


def settings_of(hello):
    settings = hello.get("settings", {})
    style = settings.get("style", "slack")
    prefix = settings.get("prefix", "")
    timeout = settings.get("timeout_secs", 5)
    dry_run = settings.get("dry_run", False)
    for name in settings:
        if name not in ("style", "prefix", "timeout_secs", "dry_run"):
            raise Fault("there is no setting `%s`" % harmless(name, 64))
    if not isinstance(style, str) or style not in CHARS_MAX:
        raise Fault("`style` is none of " + ", ".join("`%s`" % one for one in CHARS_MAX))
    if not isinstance(prefix, str) or len(prefix) > WORD_CHARS_MAX:
        raise Fault("`prefix` is no text of at most %d characters" % WORD_CHARS_MAX)
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 1 <= timeout <= 8:
        raise Fault("`timeout_secs` is no number from 1 to 8")
    if not isinstance(dry_run, bool):
        raise Fault("`dry_run` is neither true nor false")
    return style, prefix, timeout, dry_run


def main():
    hello = json.loads(sys.stdin.readline() or "{}")
    try:
        style, prefix, timeout, dry_run = settings_of(hello)
        hook = None if dry_run else Hook(hello.get("secrets", {}).get("url"), timeout)
    except Fault as fault:
        say({"type": "fault", "message": str(fault)})
        sys.exit(1)
    desk = Desk(hook.post if hook else None)
    threading.Thread(target=desk.work, daemon=True).start()
    say({"type": "ready", "protocol": 1})
    # riposte is gone when the input ends; what waits then comes again.
    for line in sys.stdin:
        act = json.loads(line)
        if act.get("type") == "stop":
            break
        if act.get("type") != "act":
            continue
        if act.get("do") != "notify":
            say_outcome(act.get("id"), "failed", "it carries messages alone")
            continue
        body = body_of(style, prefix, act)
        if dry_run:
            say_outcome(act["id"], "unchanged", body)
            continue
        desk.act(act["id"], body)


if __name__ == "__main__":
    main()
