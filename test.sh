#!/usr/bin/env bash
# Runs every test. On Debian, as root, it installs the programs that the tests run against
# (nftables, nginx, logrotate, neovim, …) where they are missing; elsewhere tests that need one of
# them say so by name and are skipped. Needs: the Rust toolchain and gcc.
set -euo pipefail
cd "$(dirname "$0")"

packages=(nftables iproute2 iputils-ping nginx-light logrotate curl haproxy apache2-bin caddy rsyslog rsyslog-gnutls systemd-journal-remote prometheus-alertmanager openssl neovim python3-jsonschema python3-venv python3-aiosmtpd chromium)
programs=(nft ip ping nginx logrotate curl haproxy apache2 caddy rsyslogd lmnsd_gtls journal-remote prometheus-alertmanager openssl nvim jsonschema ensurepip aiosmtpd chromium)
missing=()
for i in "${!programs[@]}"; do
  # What isn't a program but a part of Python is asked for there.
  [ "${programs[$i]}" = ensurepip ] && python3 -c 'import ensurepip, venv' 2>/dev/null && continue
  [ "${programs[$i]}" = aiosmtpd ] && /usr/bin/python3 -c 'import aiosmtpd' 2>/dev/null && continue
  # What is no program in the path is looked for as a file.
  [ "${programs[$i]}" = lmnsd_gtls ] && compgen -G '/usr/lib/*/rsyslog/lmnsd_gtls.so' >/dev/null && continue
  [ "${programs[$i]}" = journal-remote ] && [ -x /lib/systemd/systemd-journal-remote ] && continue
  PATH="$PATH:/usr/sbin:/sbin" command -v "${programs[$i]}" >/dev/null || missing+=("${packages[$i]}")
done
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "test.sh: installing ${missing[*]}"
    apt-get update -qq
    # No service of these packages is to be started: the tests start their own, on loopback.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
      trap 'rm -f /usr/sbin/policy-rc.d' EXIT
      printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "test.sh: not installed, and not root on Debian, so their tests are skipped: ${missing[*]}"
  fi
fi
export PATH="$PATH:/usr/sbin:/sbin"

# Where Cloudflare's published schema is at hand, the exchanges with the look-alike of those tests that
# keep them (the official client's, and those that give it `$RIPOSTE_CLOUDFLARE_TRANSCRIPTS`) are held
# to it: JSON bodies of requests that were accepted, and of all replies. Not held: GraphQL, which the
# schema doesn't have, faults on demand, and what tests/official_client/hold.py names with its reason.
if [ -n "${RIPOSTE_CLOUDFLARE_SCHEMA:-}" ]; then
  export RIPOSTE_CLOUDFLARE_TRANSCRIPTS=$PWD/target/cloudflare-transcripts
  rm -rf "$RIPOSTE_CLOUDFLARE_TRANSCRIPTS"
  mkdir -p "$RIPOSTE_CLOUDFLARE_TRANSCRIPTS"
fi

if cargo nextest --version >/dev/null 2>&1; then
  # All faults of a run are told, not just the first.
  cargo nextest run --no-fail-fast "$@"
else
  # Without nextest one thread keeps apart the tests that must not run beside others.
  cargo test -- --test-threads=1 "$@"
fi
cargo test --doc -q

python=target/tmp/official-client/venv/bin/python
if [ -n "${RIPOSTE_CLOUDFLARE_SCHEMA:-}" ] && compgen -G "$RIPOSTE_CLOUDFLARE_TRANSCRIPTS/*.jsonl" >/dev/null; then
  if [ -x "$python" ] && [ -e "$(dirname "$RIPOSTE_CLOUDFLARE_SCHEMA")/check_exchange.py" ]; then
    "$python" tests/official_client/hold.py "$RIPOSTE_CLOUDFLARE_SCHEMA" "$RIPOSTE_CLOUDFLARE_TRANSCRIPTS"/*.jsonl
  else
    echo "test.sh: no Python with jsonschema, or no check_exchange.py, so transcripts are not held to the schema"
  fi
fi

# What is shipped is checked and tested by the product itself.
cargo run -q -- check rules
cargo run -q -- test rules
