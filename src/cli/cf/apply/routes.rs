//! Worker routes of the file against those that are there; a call for each that differs. Pure.
//!
//! A route has no room for a mark: nothing tells who made it. So one that leads elsewhere counts as
//! others' until `--adopt` says otherwise, and one that the file no longer names stays; `gone` removes
//! one by name.

use super::plan::{Change, What};
use crate::cloudflare::Call;
use crate::cloudflare::workers::{self, Route};
use serde::Deserialize;
use serde_json::{Value, json};

/// A route in the file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRoute {
    /// Which requests (`example.com/api/*`).
    pub pattern: String,
    /// The Worker that answers them; without one they go past all Workers.
    #[serde(default)]
    pub worker: Option<String>,
    /// It is to be removed; then `worker` tells what it is to be removed from.
    #[serde(default)]
    pub gone: bool,
}

impl FileRoute {
    /// What is wrong with it.
    pub fn faults(&self) -> Vec<String> {
        let name = format!("worker_routes `{}`", self.pattern.escape_debug());
        let mut faults = Vec::new();
        let host = self.pattern.rsplit("://").next().unwrap_or_default();
        let host = host.split('/').next().unwrap_or_default();
        if !host.contains('.') || self.pattern.contains(char::is_whitespace) {
            faults.push(format!("{name}: it is no pattern\nhint: like `example.com/api/*`"));
        }
        if self.pattern.contains('?') {
            faults.push(format!("{name}: a pattern can't hold a query\nhint: end it with `*`"));
        }
        if self.worker.as_deref() == Some("") {
            faults.push(format!(
                "{name}: `worker` is empty\nhint: leave it out to let requests go past all Workers"
            ));
        }
        faults
    }

    fn leads_where(&self, route: &Route) -> bool {
        self.worker.as_deref() == script(route)
    }
}

/// A route's Worker; an empty name is none.
fn script(route: &Route) -> Option<&str> {
    route.script.as_deref().filter(|name| !name.is_empty())
}

/// What would become of a zone's routes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RoutesPlan {
    /// What would change.
    pub changes: Vec<Change>,
    /// What is sent, in the order of the changes.
    pub calls: Vec<Call>,
    /// The routes that it is about, as they were read.
    pub seen: Vec<Route>,
}

/// Compares routes with the file's.
pub fn plan(zone: &str, present: &[Route], wanted: &[FileRoute], adopt: bool) -> RoutesPlan {
    let mut made = RoutesPlan::default();
    for wanted in wanted {
        let known = present.iter().find(|route| route.pattern == wanted.pattern);
        made.seen.extend(known.cloned());
        let (what, call) = match known {
            None if wanted.gone => continue,
            None => {
                let worker = wanted.worker.as_deref();
                (What::Add, Some(workers::create_route_of(zone, &wanted.pattern, worker)))
            }
            Some(route) if wanted.leads_where(route) && !wanted.gone => continue,
            Some(route) if wanted.gone && (wanted.leads_where(route) || adopt) => {
                (What::Remove, Some(workers::delete_route(zone, &route.id)))
            }
            Some(route) if adopt => {
                let worker = wanted.worker.as_deref();
                let call = workers::change_route(zone, &route.id, &wanted.pattern, worker);
                (What::Adopt, Some(call))
            }
            Some(_) => (What::Foreign, None),
        };
        made.changes.push(Change {
            part: "worker_routes",
            what,
            name: wanted.pattern.clone(),
            from: known.map_or(Value::Null, |route| shown(script(route))),
            to: if wanted.gone { Value::Null } else { shown(wanted.worker.as_deref()) },
        });
        made.calls.extend(call);
    }
    made
}

fn shown(worker: Option<&str>) -> Value {
    json!({ "worker": worker })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(pattern: &str, script: Option<&str>) -> Route {
        Route {
            id: format!("id-{pattern}"),
            pattern: pattern.to_owned(),
            script: script.map(str::to_owned),
        }
    }

    fn wanted(pattern: &str, worker: Option<&str>, gone: bool) -> FileRoute {
        FileRoute { pattern: pattern.to_owned(), worker: worker.map(str::to_owned), gone }
    }

    fn said(plan: &RoutesPlan) -> Vec<(What, &str)> {
        plan.changes.iter().map(|change| (change.what, change.name.as_str())).collect()
    }

    #[test]
    fn what_leads_elsewhere_is_others_until_it_is_adopted() {
        let present = [
            route("example.com/same/*", Some("api")),
            route("example.com/other/*", Some("theirs")),
            route("example.com/past/*", None),
            route("example.com/unnamed/*", Some("theirs")),
        ];
        let file = [
            wanted("example.com/same/*", Some("api"), false),
            wanted("example.com/other/*", Some("api"), false),
            wanted("example.com/past/*", None, false),
            wanted("example.com/new/*", Some("api"), false),
        ];
        let made = plan("z", &present, &file, false);
        assert_eq!(
            said(&made),
            [(What::Foreign, "example.com/other/*"), (What::Add, "example.com/new/*")]
        );
        assert_eq!(made.calls.len(), 1, "{:?}", made.calls);
        let made = plan("z", &present, &file, true);
        let calls: Vec<String> = made.calls.iter().map(ToString::to_string).collect();
        assert_eq!(
            calls[0],
            "PUT /zones/z/workers/routes/id-example.com%2Fother%2F%2A\n{\"pattern\":\"example.com/other/*\",\"script\":\"api\"}"
        );
        assert!(calls[1].starts_with("POST "), "{calls:?}");
    }

    #[test]
    fn only_what_is_gone_by_name_is_removed() {
        let present =
            [route("example.com/a/*", Some("api")), route("example.com/b/*", Some("theirs"))];
        let file = [
            wanted("example.com/a/*", Some("api"), true),
            wanted("example.com/b/*", Some("api"), true),
            wanted("example.com/c/*", Some("api"), true),
        ];
        let made = plan("z", &present, &file, false);
        assert_eq!(
            said(&made),
            [(What::Remove, "example.com/a/*"), (What::Foreign, "example.com/b/*")]
        );
        assert!(plan("z", &[], &file, false).changes.is_empty());
        assert!(plan("z", &present, &[], false).changes.is_empty());
    }

    #[test]
    fn patterns_are_patterns() {
        for (pattern, right) in [
            ("example.com/*", true),
            ("*.example.com/*", true),
            ("https://example.com/api/*", true),
            ("/api/*", false),
            ("example.com/a b", false),
            ("example.com/?q=*", false),
        ] {
            assert_eq!(wanted(pattern, None, false).faults().is_empty(), right, "{pattern}");
        }
        assert!(!wanted("example.com/*", Some(""), false).faults().is_empty());
    }
}
