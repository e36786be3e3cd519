#!/usr/bin/env python3
"""A source plugin of riposte: WordPress says which posts and pages have changed.

WordPress (or a plugin of it that sends webhooks) posts JSON to this program, on loopback; each
change becomes an event `wordpress.post_changed`. The sender gets 204 once riposte has saved the
event, and 503 when that takes too long: it has to send again then, and what had been saved is not
made twice. Standard library only.

Settings: `port` (8177), `address` ("127.0.0.1"; loopback only), `path` ("/wordpress"),
`wait_secs` (10). Secret: `SECRET`, which the sender puts into the header `X-Riposte-Secret` or
`Authorization: Bearer …`.
"""

import hashlib
import hmac
import ipaddress
import json
import secrets
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

BODY_BYTES_MAX = 64 * 1024
TEXT_CHARS_MAX = 1_000
AT_ONCE_MAX = 32


class Link:
    """What is said to riposte, and who waits for which record to be saved."""

    def __init__(self):
        self.speaking = threading.Lock()
        self.lock = threading.Lock()
        self.waiting = {}  # cursor: event, in the order in which they were said

    def say(self, message):
        """Waits while riposte takes no more."""
        with self.speaking:
            sys.stdout.write(json.dumps(message) + "\n")
            sys.stdout.flush()

    def event(self, cursor, fields, wait_secs):
        """Says an event and waits until it is saved; whether it was."""
        message = {"type": "event", "cursor": cursor, "kind": "wordpress.post_changed",
                   "fields": fields}
        if not self.speaking.acquire(timeout=wait_secs):
            return False
        try:
            with self.lock:
                saved = self.waiting.setdefault(cursor, threading.Event())
            sys.stdout.write(json.dumps(message) + "\n")
            sys.stdout.flush()
        finally:
            self.speaking.release()
        return saved.wait(wait_secs)

    def saved(self, cursor):
        """Everything that was said up to this cursor is saved."""
        with self.lock:
            if cursor not in self.waiting:
                return
            for known in list(self.waiting):
                self.waiting.pop(known).set()
                if known == cursor:
                    return


def text(value):
    """A text that can be said: half of a surrogate pair is no character, though JSON may hold one."""
    if not isinstance(value, str) or not value:
        return None
    return value[:TEXT_CHARS_MAX].encode("utf-8", "replace").decode()


def fields_of(body):
    """What an event says of a change, from the JSON that was posted; None where it names no page."""
    if not isinstance(body, dict):
        return None
    post = body.get("post") if isinstance(body.get("post"), dict) else body
    url = text(post.get("url") or post.get("permalink") or post.get("link") or post.get("post_permalink"))
    path = text(post.get("path"))
    host = None
    if url is not None:
        try:
            parts = urlsplit(url)
            host = text(parts.hostname)
        except ValueError:
            return None
        if parts.scheme not in ("http", "https") or not host:
            return None
        path = parts.path or "/"
    if path is None or not path.startswith("/"):
        return None
    number = post.get("post_id", post.get("ID", post.get("id")))
    if isinstance(number, str) and number.isascii() and number.isdigit() and len(number) < 18:
        number = int(number)
    fields = {
        "url": url,
        "host": host,
        "path": path,
        "post_id": number if isinstance(number, int) and not isinstance(number, bool)
        and abs(number) < 2**53 else None,
        "post_type": text(post.get("post_type") or post.get("type")),
        "post_status": text(post.get("post_status") or post.get("status")),
        "change": text(body.get("event") or body.get("change") or body.get("action")),
    }
    return {name: value for name, value in fields.items() if value is not None}


def cursor_of(headers):
    """A name for this change. A sender that gives its messages ids may repeat itself; without one
    each message is a change of its own, since the same page may change twice in the same way."""
    given = headers.get("X-Riposte-Id")
    if given:
        return "id:" + hashlib.sha256(given.encode("utf-8", "replace")).hexdigest()
    return "own:" + secrets.token_hex(16)


def handler(link, secret, path, wait_secs):
    free = threading.BoundedSemaphore(AT_ONCE_MAX)

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self):
            if not free.acquire(blocking=False):
                return self.answer(503, "too many at once")
            try:
                self.post()
            finally:
                free.release()

        def post(self):
            given = self.headers.get("X-Riposte-Secret", "")
            bearer = self.headers.get("Authorization", "")
            if not given and bearer.startswith("Bearer "):
                given = bearer[len("Bearer "):]
            # Takes as long for a wrong secret as for a right one.
            right = hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode())
            try:
                length = int(self.headers.get("Content-Length", ""))
            except ValueError:
                return self.answer(411, "no length")
            if not 0 <= length <= BODY_BYTES_MAX:
                return self.answer(413, "too long")
            body = self.rfile.read(length)
            if not right:
                return self.answer(401, "wrong secret")
            if urlsplit(self.path).path != path:
                return self.answer(404, "not here")
            try:
                fields = fields_of(json.loads(body))
            except ValueError:
                return self.answer(400, "no JSON")
            if fields is None:
                return self.answer(422, "it names no page: `url` or `path` is required")
            if not link.event(cursor_of(self.headers), fields, wait_secs):
                return self.answer(503, "not saved yet")
            self.answer(204, "")

        def do_GET(self):
            self.answer(405, "post JSON here")

        def answer(self, status, words):
            data = (words + "\n").encode() if words else b""
            self.send_response(status)
            self.send_header("Connection", "close")
            if status != 204:
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            self.close_connection = True

        def log_message(self, form, *values):
            # The request line may hold anything; riposte escapes what it shows of this.
            sys.stderr.write("%s %s\n" % (self.client_address[0], form % values))

    return Handler


def fault(words):
    print(json.dumps({"type": "fault", "message": words}), flush=True)
    sys.exit(1)


def main():
    hello = json.loads(sys.stdin.readline() or "{}")
    settings = hello.get("settings", {})
    secret = hello.get("secrets", {}).get("SECRET", "")
    address = settings.get("address", "127.0.0.1")
    port = settings.get("port", 8177)
    path = settings.get("path", "/wordpress")
    wait_secs = settings.get("wait_secs", 10)
    if len(secret) < 16:
        fault("the secret `SECRET` is required, with at least 16 characters")
    try:
        loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        fault("`address` is no loopback address: put a web server with TLS before it")
    link = Link()
    try:
        server = ThreadingHTTPServer((address, port), handler(link, secret, path, wait_secs))
    except (OSError, OverflowError, TypeError) as error:
        fault("failed to listen on port %s: %s" % (port, error))
    server.daemon_threads = True
    link.say({"type": "ready", "protocol": 1})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # Nobody listens any more when riposte closes the pipe.
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("type") == "saved":
            link.saved(message.get("cursor"))
        elif message.get("type") == "stop":
            break
    server.shutdown()


if __name__ == "__main__":
    main()
