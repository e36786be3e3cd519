//! The doctor looks at databases of places: are they there, believed, what they should be, and not too
//! old?

use super::report::Report;
use crate::clock::format_duration;
use crate::config::Config;
use crate::event::text::escape;
use crate::geo::keeper::read;
use crate::geo::{GeoStatus, Role};
use crate::limits;
use crate::pipeline::control::Status;
use std::path::Path;

/// Looks at each file, and at what the daemon says of it.
pub fn check(config: &Config, daemon: Option<&Status>, report: &mut Report) {
    for (role, path) in config.geo.roles() {
        let told = daemon
            .and_then(|status| status.geo.iter().find(|status| status.database == role.name()));
        file(role, path, report);
        if let Some(told) = told.filter(|told| told.is_ill()) {
            let (fault, hint) = told.detail.split_once("\nhint: ").unwrap_or((&told.detail, ""));
            let message = format!("`{}`: the daemon does not use it: {fault}", role.name());
            report.error("geo", message, hint);
        }
    }
}

fn file(role: Role, path: &Path, report: &mut Report) {
    let shown = escape(&path.to_string_lossy()).into_owned();
    let edition = match read(path) {
        Ok(edition) => edition,
        Err(why) if !path.exists() => {
            let hint = "geoipupdate (MaxMind), or a download from db-ip.com, puts it there; rules find nothing meanwhile";
            report.warning("geo", format!("`{}`: {why}", role.name()), hint);
            return;
        }
        Err(why) => return report.failed("geo", &format!("`{}`: {why}", role.name())),
    };
    if let Err(why) = edition.database.verify(role) {
        report.error("geo", format!("`{}`: `{shown}` is not used: {why}", role.name()), "");
        return;
    }
    let status = GeoStatus::new(role, path, Some(&edition));
    let age = format_duration(status.age().unwrap_or_default());
    let message = format!("`{}`: `{}` of `{shown}` is {age} old", role.name(), status.kind);
    if status.is_old() {
        let hint = format!(
            "addresses change hands: an update a month, or at least every {} days",
            limits::GEO_OLD_DAYS
        );
        report.warning("geo", message, hint);
    } else {
        report.well("geo", message);
    }
}
