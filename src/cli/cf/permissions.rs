//! From permissions as a person names them, and zones and accounts, to what a token's policies say.
//! Pure.

use crate::cli::Usage;
use crate::cloudflare::tokens::{PermissionGroup, Policy};
use crate::event::text;
use serde_json::{Map, Value, json};

const OF_ZONE: &str = "com.cloudflare.api.account.zone";
const OF_ACCOUNT: &str = "com.cloudflare.api.account";
const OF_USER: &str = "com.cloudflare.api.user";

/// For what a token is to be good.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Zones, by id and name.
    pub zones: Vec<(String, String)>,
    /// All zones of the accounts.
    pub all_zones: bool,
    /// Accounts, by id.
    pub accounts: Vec<String>,
}

/// What a group can be given for, in words.
pub fn scopes(group: &PermissionGroup) -> String {
    let word = |scope: &String| match scope.as_str() {
        OF_ZONE => "zones".to_owned(),
        OF_ACCOUNT => "accounts".to_owned(),
        OF_USER => "the user".to_owned(),
        other => other.to_owned(),
    };
    group.scopes.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// The groups with this name: as the API has it, else whatever the case, else in the dashboard's
/// word ("Edit" for "Write"). Some names are there twice, for zones and for accounts.
fn named<'g>(
    groups: &'g [PermissionGroup],
    name: &str,
) -> anyhow::Result<Vec<&'g PermissionGroup>> {
    let lower = name.to_lowercase();
    let other = match (lower.strip_suffix(" edit"), lower.strip_suffix(" write")) {
        (Some(stem), _) => format!("{stem} write"),
        (_, Some(stem)) => format!("{stem} edit"),
        _ => lower.clone(),
    };
    let tries: [&dyn Fn(&PermissionGroup) -> bool; 3] = [
        &|group| group.name == name || group.id == name,
        &|group| group.name.to_lowercase() == lower,
        &|group| group.name.to_lowercase() == other,
    ];
    for fits in tries {
        let found: Vec<&PermissionGroup> = groups.iter().filter(|group| fits(group)).collect();
        if !found.is_empty() {
            return Ok(found);
        }
    }
    let near = text::nearest(name, groups.iter().map(|group| group.name.as_str()));
    let hint = match near {
        Some(near) => format!("did you mean `{}`?", text::escape(near)),
        None => "`riposte cf tokens permissions` lists them".to_owned(),
    };
    Err(Usage::of(format!("there is no permission `{}`\nhint: {hint}", text::escape(name))))
}

/// Which of the groups of one name is meant: for zones where zones are named, else for accounts.
fn chosen<'g>(
    found: &[&'g PermissionGroup],
    wanted: &Wanted,
) -> anyhow::Result<(&'g PermissionGroup, bool)> {
    let with =
        |scope: &str| found.iter().find(|group| group.scopes.iter().any(|known| known == scope));
    let for_zones = wanted.all_zones || !wanted.zones.is_empty();
    match (with(OF_ZONE), with(OF_ACCOUNT), found.first()) {
        (Some(group), _, _) if for_zones => Ok((group, true)),
        (_, Some(group), _) => Ok((group, false)),
        (Some(group), None, _) => Err(Usage::of(format!(
            "`{}` is for zones, and none is named\nhint: `--zone NAME`, or `--all-zones`",
            text::escape(&group.name)
        ))),
        (None, None, Some(group)) => Err(Usage::of(format!(
            "`{}` is for {}, neither zones nor accounts\nhint: such a token is made at https://dash.cloudflare.com/profile/api-tokens",
            text::escape(&group.name),
            text::escape(&scopes(group))
        ))),
        (None, None, None) => Err(Usage::of("there is no such permission")),
    }
}

/// The policies that allow this, and a line for each that says so.
pub fn policies(
    groups: &[PermissionGroup],
    names: &[String],
    wanted: &Wanted,
) -> anyhow::Result<(Vec<Policy>, Vec<String>)> {
    let (mut of_zones, mut of_accounts): (Vec<PermissionGroup>, Vec<PermissionGroup>) =
        Default::default();
    for name in names {
        let (group, for_zones) = chosen(&named(groups, name)?, wanted)?;
        let all = if for_zones { &mut of_zones } else { &mut of_accounts };
        if !all.iter().any(|known| known.id == group.id) {
            all.push(group.clone());
        }
    }
    if of_zones.is_empty() && (wanted.all_zones || !wanted.zones.is_empty()) {
        return Err(Usage::of(
            "zones are named, and no permission is for zones\nhint: leave `--zone` out, or name a permission for it with `--allow`",
        ));
    }
    let accounts = || wanted.accounts.iter().map(|id| format!("{OF_ACCOUNT}.{id}"));
    let resources: Map<String, Value> = if wanted.all_zones {
        let every = json!({ format!("{OF_ZONE}.*"): "*" });
        accounts().map(|account| (account, every.clone())).collect()
    } else {
        wanted.zones.iter().map(|(id, _)| (format!("{OF_ZONE}.{id}"), json!("*"))).collect()
    };
    let quoted = |names: &mut dyn Iterator<Item = &str>| {
        names.map(|name| format!("`{}`", text::escape(name))).collect::<Vec<_>>().join(", ")
    };
    let which = if wanted.all_zones {
        "all zones".to_owned()
    } else {
        quoted(&mut wanted.zones.iter().map(|(_, name)| name.as_str()))
    };
    let of = quoted(&mut wanted.accounts.iter().map(String::as_str));
    let parts = [
        (of_zones, resources, which),
        (
            of_accounts,
            accounts().map(|account| (account, json!("*"))).collect(),
            format!("the account {of}"),
        ),
    ];
    let (mut policies, mut lines) = (Vec::new(), Vec::new());
    for (groups, resources, place) in parts {
        if groups.is_empty() {
            continue;
        }
        let names = quoted(&mut groups.iter().map(|group| group.name.as_str()));
        lines.push(format!("it may {names} in {place}"));
        let effect = "allow".to_owned();
        policies.push(Policy { effect, permission_groups: groups, resources });
    }
    Ok((policies, lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> Vec<PermissionGroup> {
        let group = |id: &str, name: &str, scope: &str| PermissionGroup {
            id: id.to_owned(),
            name: name.to_owned(),
            scopes: vec![scope.to_owned()],
        };
        vec![
            group("1", "DNS Write", OF_ZONE),
            group("2", "Logs Read", OF_ACCOUNT),
            group("3", "Logs Read", OF_ZONE),
            group("4", "API Tokens Write", OF_USER),
            group("5", "Account Filter Lists Edit", OF_ACCOUNT),
        ]
    }

    fn made(names: &[&str], wanted: &Wanted) -> anyhow::Result<(Vec<Policy>, Vec<String>)> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        policies(&groups(), &names, wanted)
    }

    #[test]
    fn a_token_may_what_is_named_where_it_is_named() {
        let zones = vec![("z1".to_owned(), "example.com".to_owned())];
        let wanted = Wanted { zones, all_zones: false, accounts: vec!["a1".to_owned()] };
        let names = ["dns edit", "Account Filter Lists Write", "logs read", "DNS Write"];
        let (policies, lines) = made(&names, &wanted).unwrap();
        let ids = |policy: &Policy| {
            policy.permission_groups.iter().map(|group| group.id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(
            (ids(&policies[0]), ids(&policies[1])),
            (vec!["1".into(), "3".into()], vec!["5".into()])
        );
        assert_eq!(
            json!(policies[0].resources),
            json!({ "com.cloudflare.api.account.zone.z1": "*" })
        );
        assert_eq!(json!(policies[1].resources), json!({ "com.cloudflare.api.account.a1": "*" }));
        assert_eq!(
            lines,
            [
                "it may `DNS Write`, `Logs Read` in `example.com`",
                "it may `Account Filter Lists Edit` in the account `a1`",
            ]
        );
        let all = Wanted { zones: Vec::new(), all_zones: true, ..wanted };
        let (policies, _) = made(&["DNS Write"], &all).unwrap();
        assert_eq!(
            json!(policies[0].resources),
            json!({ "com.cloudflare.api.account.a1": { "com.cloudflare.api.account.zone.*": "*" } })
        );
    }

    #[test]
    fn what_can_not_be_is_told_with_its_mend() {
        let none = Wanted { accounts: vec!["a1".to_owned()], ..Wanted::default() };
        let (policies, _) = made(&["Logs Read"], &none).unwrap();
        assert_eq!(policies[0].permission_groups[0].id, "2", "without zones it is the account's");
        for (names, words) in [
            (&["DSN Write"][..], "did you mean `DNS Write`?"),
            (&["Everything"], "`riposte cf tokens permissions` lists them"),
            (&["DNS Write"], "`--zone NAME`, or `--all-zones`"),
            (&["API Tokens Write"], "is for the user"),
        ] {
            let error = made(names, &none).unwrap_err().to_string();
            assert!(error.contains(words), "{names:?}: {error}");
        }
        let all = Wanted { all_zones: true, ..none };
        let error = made(&["Account Filter Lists Edit"], &all).unwrap_err().to_string();
        assert!(error.contains("no permission is for zones"), "{error}");
    }
}
