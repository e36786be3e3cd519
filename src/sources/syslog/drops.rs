//! How many datagrams the kernel has dropped at a socket because nobody read them in time.
//!
//! In: the socket. Out: the count, as `/proc/net/udp` has it (`man 5 proc_pid_net`); nothing where there
//! is no such file.

use rustix::fd::AsFd;

/// The count since the socket was made.
pub(super) fn drops(socket: impl AsFd) -> Option<u64> {
    let inode = rustix::fs::fstat(socket).ok()?.st_ino;
    ["/proc/self/net/udp", "/proc/self/net/udp6"]
        .into_iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .find_map(|text| count(&text, inode))
}

/// The tenth column is the socket's inode, the last one what was dropped.
fn count(text: &str, inode: u64) -> Option<u64> {
    text.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        (columns.get(9)?.parse() == Ok(inode)).then(|| columns.last()?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn what_nobody_reads_is_counted_by_the_kernel() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 4096).unwrap();
        assert_eq!(drops(&socket), Some(0));
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..100 {
            sender.send_to(&[b'x'; 1000], socket.local_addr().unwrap()).unwrap();
        }
        assert!(drops(&socket).unwrap() > 50, "{:?}", drops(&socket));
    }
}
