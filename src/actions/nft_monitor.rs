//! Watching for other tools that remove what is ours in the kernel (`flush ruleset`, `flush set`),
//! through a child `nft monitor`.
//!
//! In: nft's command and our table's name. Out: a call for each loss that may concern us; whether
//! it does, and mending it, is the enforcer's. The child is started again when it ends.

use super::reconcile::AddressRange;
use crate::process::{Follower, Program};
use std::net::IpAddr;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Something was removed from our table, by us or by somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Loss {
    /// The table, its chain, a set or a rule; or too much to tell apart.
    Structure,
    /// These addresses, from one of the sets.
    Element(AddressRange),
}

/// What the watch waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    /// The watch is to end.
    Stop,
    /// The child ended.
    Ended,
}

/// The pause before the child is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(2);

/// A watch that runs until it is dropped.
#[derive(Debug)]
pub(super) struct Monitor {
    signals: mpsc::SyncSender<Signal>,
    thread: Option<JoinHandle<()>>,
}

impl Monitor {
    /// Watches. `on_loss` is called on the watch's threads, and must only leave a note. It is also
    /// called with `Structure` after each start of the child, because of what was not seen before.
    pub(super) fn start(
        command: &[String],
        table: &str,
        on_loss: impl FnMut(Loss) + Send + 'static,
    ) -> Self {
        let mut argv = command.to_vec();
        argv.extend(["monitor".to_owned(), "destroy".to_owned()]);
        let program = Program::new(argv);
        let table = table.to_owned();
        let on_loss = Arc::new(Mutex::new(on_loss));
        let (signals, received) = mpsc::sync_channel(2);
        let sender = signals.clone();
        let thread = std::thread::Builder::new()
            .name("nft-monitor".to_owned())
            .stack_size(crate::limits::HELPER_THREAD_STACK_BYTES)
            .spawn(move || watch(&program, &table, &on_loss, &(sender, received)))
            .ok();
        Self { signals, thread }
    }
}

fn watch<F: FnMut(Loss) + Send + 'static>(
    program: &Program,
    table: &str,
    on_loss: &Arc<Mutex<F>>,
    (sender, signals): &(mpsc::SyncSender<Signal>, mpsc::Receiver<Signal>),
) {
    loop {
        let note = Arc::clone(on_loss);
        let ours = table.to_owned();
        let end = sender.clone();
        let follower = Follower::start(program, move |line| match line {
            Some(line) => {
                if let Some(loss) = read_line(&String::from_utf8_lossy(line), &ours) {
                    tell(&note, loss);
                }
            }
            None => {
                // Full only when a signal waits already, and then the watch wakes all the same.
                end.try_send(Signal::Ended).ok();
            }
        });
        match follower {
            Ok(follower) => {
                tell(on_loss, Loss::Structure);
                if signals.recv() != Ok(Signal::Ended) {
                    return;
                }
                drop(follower);
                tracing::warn!("`nft monitor` ended and is started again");
            }
            Err(error) => tracing::debug!(%error, "no `nft monitor`"),
        }
        if signals.recv_timeout(RESTART_PAUSE) == Ok(Signal::Stop) {
            return;
        }
    }
}

fn tell<F: FnMut(Loss)>(on_loss: &Mutex<F>, loss: Loss) {
    let mut on_loss = on_loss.lock().unwrap_or_else(PoisonError::into_inner);
    on_loss(loss);
}

impl Drop for Monitor {
    fn drop(&mut self) {
        // Waits at most until the watch has taken the signal before; it is gone when it has ended.
        self.signals.send(Signal::Stop).ok();
        if let Some(thread) = self.thread.take() {
            // A watch that panicked has nothing left to wait for.
            thread.join().ok();
        }
    }
}

/// What a line of `nft monitor destroy` means for the table `inet NAME`; `None` for other tables.
///
/// The lines are `delete table inet NAME`, `delete rule inet NAME CHAIN handle N`, and
/// `delete element inet NAME SET { ELEMENT timeout … }`. An element that ends by its timeout makes
/// no line.
fn read_line(line: &str, table: &str) -> Option<Loss> {
    let mut words = line.split_ascii_whitespace();
    if words.next() != Some("delete") && words.next() != Some("destroy") {
        return None;
    }
    let object = words.next()?;
    if words.next() != Some("inet") || words.next() != Some(table) {
        return None;
    }
    if object != "element" {
        return Some(Loss::Structure);
    }
    let set = words.next()?;
    let element = words.find(|word| *word != "{" && *word != "=")?;
    let range = read_element(element.trim_end_matches(','), set);
    Some(range.map_or(Loss::Structure, Loss::Element))
}

fn read_element(text: &str, set: &str) -> Option<AddressRange> {
    if let Some((first, last)) = text.split_once('-') {
        return AddressRange::new(first.parse().ok()?, last.parse().ok()?);
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        if set == super::nft_json::Set::Clients6.name() {
            return Some(AddressRange::of(&ipnet::IpNet::new(address, 64).ok()?));
        }
        return AddressRange::new(address, address);
    }
    Some(AddressRange::of(&text.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_about_our_table_are_losses() {
        for line in [
            "delete table inet riposte",
            "delete rule inet riposte prerouting handle 4",
            "delete set inet riposte hosts4",
            "delete chain inet riposte prerouting",
        ] {
            assert_eq!(read_line(line, "riposte"), Some(Loss::Structure), "{line}");
        }
        for (line, shown) in [
            (
                "delete element inet riposte hosts4 { 192.0.2.1 timeout 30s expires 29s980ms }",
                "192.0.2.1",
            ),
            ("delete element inet riposte blocked4 { 192.0.2.0/25 }", "192.0.2.0/25"),
            ("delete element inet riposte blocked4 { 192.0.2.1-192.0.2.4 }", "192.0.2.1-192.0.2.4"),
            ("delete element inet riposte clients6 { 2001:db8:: timeout 1h }", "2001:db8::/64"),
        ] {
            match read_line(line, "riposte") {
                Some(Loss::Element(range)) => assert_eq!(range.to_string(), shown),
                other => panic!("{line}: {other:?}"),
            }
        }
        for line in [
            "delete table inet riposte2",
            "delete table ip riposte",
            "add table inet riposte",
            "",
            "# new generation 5 by process 7 (nft)",
        ] {
            assert_eq!(read_line(line, "riposte"), None, "{line}");
        }
    }
}
