//! The ledger of temporary changes at Cloudflare: what was there before, what was set, and who
//! wants it. A row is there before the first write, and until all is as before.

use super::codec::{bad, json, micros, signed, time, unsigned};
use super::{Reader, Store, StoreError};
use crate::clock::{Timestamp, now};
use crate::decisions::{Action, ChangeKind, ChangePlace, ChangeRow, Claim, Effect, Left};
use rusqlite::{Result, Row, params};
use serde_json::Value as Json;

impl Store {
    /// Keeps a row, in place of the one of the same place; gives its number. When this returns,
    /// `kill -9` can't undo it.
    pub fn keep_change(&self, row: &ChangeRow) -> std::result::Result<u64, StoreError> {
        self.transact(|change, _| {
            let text = |value: &Option<Json>| value.as_ref().map(json).transpose();
            let found = row.left.as_ref().map(|left| json(&left.found)).transpose()?;
            let mut put = change.prepare_cached(
                "INSERT INTO changes(enforcer, zone, kind, name, before, prior, value, sure,
                    claims, found, found_at, quiet_until, since, recorded, got)
                 VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
                 ON CONFLICT(enforcer, zone, kind, name) DO UPDATE SET before = ?5, prior = ?6,
                    value = ?7, sure = ?8, claims = ?9, found = ?10, found_at = ?11,
                    quiet_until = ?12, recorded = ?14, got = ?15
                 RETURNING number",
            )?;
            let kept = params![
                row.enforcer,
                row.place.zone,
                row.place.kind.name(),
                row.place.name,
                text(&row.before)?,
                text(&row.prior)?,
                text(&row.set)?,
                row.sure,
                json(&row.claims)?,
                found,
                row.left.as_ref().map(|left| micros(left.at)),
                row.quiet_until.map(micros),
                micros(row.since),
                micros(now()),
                text(&row.got)?
            ];
            put.query_row(kept, |row| row.get(0).map(unsigned))
        })
    }

    /// Removes a row: all is as before.
    pub fn remove_change(&self, number: u64) -> std::result::Result<(), StoreError> {
        self.transact(|change, _| {
            change
                .prepare_cached("DELETE FROM changes WHERE number = ?1")?
                .execute([signed(number)])
                .map(|_| ())
        })
    }
}

impl Reader {
    /// All rows, the oldest first. Rows that can't be read are told of in the log and left out.
    pub fn changes(&self) -> std::result::Result<Vec<ChangeRow>, StoreError> {
        self.ask(|view| {
            let mut find = view.prepare_cached("SELECT * FROM changes ORDER BY number")?;
            let mut rows = find.query([])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                match change_row(row) {
                    Ok(row) => found.push(row),
                    Err(error) => {
                        tracing::warn!(%error, "a change at Cloudflare in the store can't be read");
                    }
                }
            }
            Ok(found)
        })
    }

    /// What rules asked of Cloudflare since `since` and the guard let pass, with when, the oldest
    /// first.
    pub fn cloudflare_asks(
        &self,
        since: Timestamp,
    ) -> std::result::Result<Vec<(Action, Timestamp)>, StoreError> {
        self.ask(|view| {
            let mut find = view.prepare_cached(
                "SELECT action, recorded FROM outbox
                 WHERE kind = 'cloudflare' AND verdict = 'pass' AND recorded >= ?1
                 ORDER BY recorded, n",
            )?;
            let mut rows = find.query([micros(since)])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let text: String = row.get("action")?;
                if let Ok(action @ Action::Perform { effect: Effect::Cloudflare(_), .. }) =
                    serde_json::from_str(&text)
                {
                    found.push((action, time(row, "recorded")?));
                }
            }
            Ok(found)
        })
    }
}

fn change_row(row: &Row<'_>) -> Result<ChangeRow> {
    let value = |column: &str| -> Result<Option<Json>> {
        let text: Option<String> = row.get(column)?;
        text.map(|text| serde_json::from_str(&text).map_err(|_| bad(column, &text))).transpose()
    };
    let moment = |column: &str| -> Result<Option<Timestamp>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_micros))
    };
    let kind: String = row.get("kind")?;
    let claims: String = row.get("claims")?;
    let claims: Vec<Claim> = serde_json::from_str(&claims).map_err(|_| bad("claims", &claims))?;
    let left = value("found")?.zip(moment("found_at")?);
    Ok(ChangeRow {
        number: row.get("number").map(unsigned)?,
        enforcer: row.get("enforcer")?,
        place: ChangePlace {
            zone: row.get("zone")?,
            kind: ChangeKind::parse(&kind).ok_or_else(|| bad("kind", &kind))?,
            name: row.get("name")?,
        },
        before: value("before")?,
        prior: value("prior")?,
        set: value("value")?,
        got: value("got")?,
        sure: row.get("sure")?,
        claims,
        left: left.map(|(found, at)| Left { at, found }),
        quiet_until: moment("quiet_until")?,
        since: time(row, "since")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decisions::ActionId;
    use serde_json::json;

    #[test]
    fn a_row_comes_back_as_it_was_kept_and_its_number_is_never_given_again() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("state")).unwrap();
        let place = ChangePlace {
            zone: "example.com".to_owned(),
            kind: ChangeKind::RateLimit,
            name: "login".to_owned(),
        };
        let mut row = ChangeRow::new("cloudflare", place, Timestamp::from_secs(7));
        row.number = store.keep_change(&row).unwrap();
        assert_eq!(store.read().changes().unwrap(), [row.clone()]);
        // Nothing there before is something else than not having looked.
        row.before = Some(Json::Null);
        row.set = Some(json!({ "ref": "x" }));
        row.got = Some(json!({ "ref": "x", "enabled": true }));
        row.sure = false;
        row.left = Some(Left { at: Timestamp::from_secs(9), found: json!(1) });
        row.quiet_until = Some(Timestamp::from_secs(11));
        row.claims.push(Claim {
            action: ActionId(3),
            rule: "r".into(),
            value: json!({ "requests": 5 }),
            from: Timestamp::from_secs(7),
            until: Timestamp::from_secs(8),
            ended: true,
            told: true,
        });
        assert_eq!(store.keep_change(&row).unwrap(), row.number);
        assert_eq!(store.read().changes().unwrap(), [row.clone()]);
        store.remove_change(row.number).unwrap();
        assert_eq!(store.read().changes().unwrap(), []);
        assert!(store.keep_change(&row).unwrap() > row.number);
    }
}
