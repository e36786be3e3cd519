//! The worker against the look-alike, with a ledger that can refuse.

use super::Ledger;
use crate::actions::tests::wait_for;
use crate::actions::{ActionsConfig, Executors, Item, Outbox, Wanted};
use crate::clock::{self, Timestamp};
use crate::decisions::{
    Action, ActionId, ChangeKind, ChangeRow, CloudflareAsk, CloudflareWhat, Decision, Effect,
    Outcome,
};
use crate::simulator::{Options, Simulator};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const TOKEN: &str = "cfut_PlantedToken0123456789abcdefghijklmnopqr";

/// A ledger in memory that notes what Cloudflare had when a row was kept.
struct Books {
    simulator: Arc<Simulator>,
    refuses: AtomicBool,
    rows: Mutex<Vec<ChangeRow>>,
    /// What was set, whether it was sure, and what was there at that moment.
    kept: Mutex<Vec<(Option<serde_json::Value>, bool, serde_json::Value)>>,
    outcomes: Mutex<Vec<(String, Outcome)>>,
}

struct Kept(Arc<Books>);

impl Ledger for Kept {
    fn rows(&self, _: &str) -> Result<Vec<ChangeRow>, String> {
        Ok(self.0.rows.lock().unwrap().clone())
    }

    fn keep(&self, row: &ChangeRow) -> Result<u64, String> {
        if self.0.refuses.load(Ordering::Relaxed) {
            return Err("the disk is full".to_owned());
        }
        let there = self.0.simulator.setting("example.com", "security_level");
        self.0.kept.lock().unwrap().push((row.set.clone(), row.sure, there));
        let mut rows = self.0.rows.lock().unwrap();
        rows.retain(|known| known.number != 1);
        rows.push(ChangeRow { number: 1, ..row.clone() });
        Ok(1)
    }

    fn remove(&self, number: u64) -> Result<(), String> {
        self.0.rows.lock().unwrap().retain(|row| row.number != number);
        Ok(())
    }
}

struct Desk(Arc<Books>);

impl Outbox for Desk {
    fn record(&self, _: ActionId, at: &str, outcome: &Outcome, _: u32, _: Timestamp) {
        self.0.outcomes.lock().unwrap().push((at.to_owned(), outcome.clone()));
    }

    fn ledger(&self) -> Option<Arc<dyn Ledger>> {
        Some(Arc::new(Kept(Arc::clone(&self.0))))
    }
}

struct Nothing;

impl Wanted for Nothing {
    fn wanted(&self) -> Vec<Decision> {
        Vec::new()
    }

    fn may_send(&self, _: &Decision) -> bool {
        false
    }
}

fn under_attack(seconds: u64) -> Item {
    let ask = CloudflareAsk {
        zone: "example.com".to_owned(),
        via: None,
        what: CloudflareWhat::Change {
            kind: ChangeKind::Setting,
            name: "security_level".to_owned(),
            value: json!("under_attack"),
            seconds,
        },
    };
    let action = Action::Perform {
        rule: "r".into(),
        key: "k".to_owned(),
        time: clock::now(),
        effect: Effect::Cloudflare(ask),
    };
    Item { id: ActionId(1), action, attempt: 0, urgent: false }
}

#[test]
fn nothing_is_written_that_the_ledger_does_not_hold() {
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let simulator = Arc::new(Simulator::start(0, Options::new(TOKEN), None).unwrap());
    let config: ActionsConfig = toml::from_str(&format!(
        "[[cloudflare]]\ntoken = \"file:{}\"\napi = \"{}\"\n",
        token.display(),
        simulator.base()
    ))
    .unwrap();
    let books = Arc::new(Books {
        simulator: Arc::clone(&simulator),
        refuses: AtomicBool::new(true),
        rows: Mutex::default(),
        kept: Mutex::default(),
        outcomes: Mutex::default(),
    });
    let outbox: Arc<dyn Outbox> = Arc::new(Desk(Arc::clone(&books)));
    let wanted: Arc<dyn Wanted> = Arc::new(Nothing);
    let executors = Executors::start(&config, outbox, &wanted, Vec::new(), false);
    assert!(executors.submit(vec![under_attack(15)]).is_empty());
    let told = wait_for(|| {
        let health = executors.health();
        let place = health.into_iter().find(|place| place.destination == "changes:cloudflare")?;
        place.error.filter(|error| error.contains("the disk is full"))
    });
    assert!(told.is_some(), "that the ledger takes nothing is told");
    assert_eq!(simulator.setting("example.com", "security_level"), json!("medium"));
    books.refuses.store(false, Ordering::Relaxed);
    let began = || {
        let outcomes = books.outcomes.lock().unwrap();
        outcomes.iter().find(|(at, _)| at == "changes:cloudflare").cloned()
    };
    let began = (0..4).find_map(|_| wait_for(began));
    assert_eq!(began.map(|(_, outcome)| outcome), Some(Outcome::Applied));
    let kept = books.kept.lock().unwrap().clone();
    // Each write has its row before it: unsure, while what was there before is still there.
    let before = kept.iter().find(|(set, ..)| *set == Some(json!("under_attack"))).unwrap();
    assert_eq!((before.1, &before.2), (false, &json!("medium")), "{kept:?}");
    assert!(executors.stop(Duration::from_secs(30)));
}
