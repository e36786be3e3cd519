//! What only this machine knows: its addresses, who is logged in, its memory.

use crate::event::net;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;
/// The addresses of this machine's interfaces.
pub fn own_addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.into_iter().map(|interface| interface.ip().to_canonical()).collect()
}

/// The addresses of a host name, by the system's resolver; empty when it has none now.
pub fn resolve(name: &str) -> Vec<IpAddr> {
    let found = (name, 0).to_socket_addrs().map_or_else(|_| Vec::new(), Iterator::collect);
    found.into_iter().map(|address| address.ip().to_canonical()).collect()
}

/// A login record of utmp(5) on Linux, glibc: 384 bytes, `ut_type` at 0 (7 is a user's login),
/// `ut_host` at 76 with 256 bytes, `ut_addr_v6` at 348 with 16 bytes in network order, where an
/// IPv4 address fills the first four.
const UTMP_BYTES: usize = 384;
const USER_PROCESS: i16 = 7;

/// Where utmp is.
const UTMP: &str = "/run/utmp";

/// Where systemd-logind keeps its sessions, a file each (sd-login(3)).
const LOGIND_SESSIONS: &str = "/run/systemd/sessions";

/// The addresses from which users are logged in now, by utmp and by logind: both are set by login
/// programs after authentication, never by a mere connection.
pub fn login_addresses() -> Vec<IpAddr> {
    let mut found = addresses_in_utmp(&std::fs::read(UTMP).unwrap_or_default());
    let sessions = std::fs::read_dir(LOGIND_SESSIONS).into_iter().flatten().flatten();
    for session in sessions {
        let text = std::fs::read_to_string(session.path()).unwrap_or_default();
        if let Some(address) = address_in_session(&text)
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

/// Whether logins can be seen here at all.
pub fn logins_are_visible() -> bool {
    Path::new(UTMP).exists() || Path::new(LOGIND_SESSIONS).is_dir()
}

/// The address of a remote session that is open, from a session file of logind.
fn address_in_session(text: &str) -> Option<IpAddr> {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    if value("REMOTE=") != Some("1") || value("STATE=") == Some("closing") {
        return None;
    }
    net::parse_ip(value("REMOTE_HOST=")?.as_bytes())
}

fn addresses_in_utmp(records: &[u8]) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    for record in records.chunks_exact(UTMP_BYTES) {
        let kind = record.first_chunk::<2>().map(|bytes| i16::from_ne_bytes(*bytes));
        if kind != Some(USER_PROCESS) {
            continue;
        }
        let Some(bytes) = record.get(348..364).and_then(|part| <[u8; 16]>::try_from(part).ok())
        else {
            continue;
        };
        let address = if bytes.iter().skip(4).all(|byte| *byte == 0) {
            let [a, b, c, d, ..] = bytes;
            IpAddr::from([a, b, c, d])
        } else {
            IpAddr::from(bytes).to_canonical()
        };
        let by_host = || {
            let host = record.get(76..332)?.split(|byte| *byte == 0).next()?;
            net::parse_ip(host)
        };
        let address = if address.is_unspecified() { by_host() } else { Some(address) };
        if let Some(address) = address
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

/// The memory that this process has in use, bytes; 0 where it can't be told.
pub fn resident_bytes() -> u64 {
    status_kib("VmRSS:")
}

/// The most memory that this process had in use so far, or since [`forget_peak`], bytes; 0 where it
/// can't be told.
pub fn peak_bytes() -> u64 {
    status_kib("VmHWM:")
}

/// Begins to look for the peak anew (`proc_pid_clear_refs(5)`); where it can't be done, the peak of
/// the whole run stays.
pub fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").ok();
}

/// A size of /proc/self/status (`proc_pid_status(5)`), in bytes.
fn status_kib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1024)
}

/// The memory that this process may use: the machine's, or that of its control groups where it is
/// less (`MemoryMax=` of systemd).
pub fn memory_bytes() -> u64 {
    memory_bytes_of(None)
}

/// The same for another process; `None` is this one.
pub fn memory_bytes_of(pid: Option<u32>) -> u64 {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = info
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(512 * 1024 * 1024, |kib| kib.saturating_mul(1024));
    let process = pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    let groups = std::fs::read_to_string(format!("/proc/{process}/cgroup")).unwrap_or_default();
    let limit = groups.lines().filter_map(group_limit).min();
    limit.map_or(total, |limit| limit.min(total))
}

/// The least memory that a line of /proc/self/cgroup allows, its parents' limits included; the
/// unified hierarchy and the older one (cgroups(7)).
fn group_limit(line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':');
    let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let (root, name) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max"),
        list if list.split(',').any(|one| one == "memory") => {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return None,
    };
    let group = Path::new(path.strip_prefix('/')?);
    let limit = |group: &Path| {
        let text = std::fs::read_to_string(Path::new(root).join(group).join(name)).ok()?;
        text.trim().parse::<u64>().ok()
    };
    group.ancestors().filter_map(limit).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_read_from_utmp_records() {
        let mut record = vec![0_u8; UTMP_BYTES];
        record[..2].copy_from_slice(&USER_PROCESS.to_ne_bytes());
        record[348..352].copy_from_slice(&[198, 51, 100, 7]);
        let mut by_host = vec![0_u8; UTMP_BYTES];
        by_host[..2].copy_from_slice(&USER_PROCESS.to_ne_bytes());
        by_host[76..76 + 11].copy_from_slice(b"2001:db8::5");
        let mut ended = record.clone();
        ended[..2].copy_from_slice(&8_i16.to_ne_bytes());
        ended[348..352].copy_from_slice(&[203, 0, 113, 1]);
        let all = [record, by_host, ended, vec![7; 100]].concat();
        let found: Vec<String> = addresses_in_utmp(&all).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["198.51.100.7", "2001:db8::5"]);
    }

    #[test]
    fn remote_sessions_of_logind_are_logins() {
        let remote = "UID=0\nUSER=root\nSTATE=active\nREMOTE=1\nREMOTE_HOST=198.51.100.8\n";
        assert_eq!(address_in_session(remote), "198.51.100.8".parse().ok());
        let local = remote.replace("REMOTE=1", "REMOTE=0");
        assert_eq!(address_in_session(&local), None);
        assert_eq!(address_in_session(&remote.replace("active", "closing")), None);
    }

    #[test]
    fn this_machine_has_loopback_and_memory() {
        assert!(own_addresses().iter().any(IpAddr::is_loopback));
        assert!(memory_bytes() > 0 && resident_bytes() > 0 && peak_bytes() >= resident_bytes() / 2);
    }
}
