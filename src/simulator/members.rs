//! Members of the account and the roles that they can have.

use super::http::Request;
use super::reply::Reply;
use super::world::{World, new_id};
use serde_json::{Value, json};

/// Names of roles, and what they are for.
const ROLES: [(&str, &str); 4] = [
    ("Super Administrator - All Privileges", "Can do everything, also with members and billing"),
    ("Administrator", "Can do everything but members and billing"),
    ("DNS", "Can edit DNS records"),
    ("Analytics", "Can read analytics"),
];

fn role(place: usize) -> Option<Value> {
    let (name, description) = ROLES.get(place)?;
    let writes = place < 2;
    Some(json!({
        "id": format!("{:032x}", 0x401e_0000_usize + place), "name": name, "description": description,
        "permissions": {
            "analytics": { "read": true, "write": writes },
            "dns_records": { "read": place != 3, "write": place != 3 },
        },
    }))
}

fn all_roles() -> Vec<Value> {
    (0..ROLES.len()).filter_map(role).collect()
}

fn member(email: &str, status: &str, roles: &[Value]) -> Value {
    json!({
        "id": new_id(), "email": email, "status": status, "roles": roles,
        "user": {
            "id": new_id(), "email": email, "first_name": null, "last_name": null,
            "two_factor_authentication_enabled": false,
        },
    })
}

/// The one member at the start.
pub(super) fn first() -> Vec<Value> {
    vec![member("simulated@example.com", "accepted", &role(0).into_iter().collect::<Vec<_>>())]
}

/// `/accounts/{account}/roles…`
pub(super) fn roles(request: &Request, rest: &[&str]) -> Reply {
    match (request.method.as_str(), rest) {
        ("GET", []) => super::simple::paged(request, all_roles(), 50, 20),
        ("GET", [id]) => all_roles()
            .into_iter()
            .find(|role| has_id(role, id))
            .map_or_else(|| Reply::refused(404, 1003, "Role not found"), Reply::result),
        _ => Reply::no_method(),
    }
}

fn has_id(row: &Value, id: &str) -> bool {
    row.get("id").and_then(Value::as_str) == Some(id)
}

/// The roles that a request names, by ids or whole; `None` where one isn't known or none is named.
fn wanted(body: &Value) -> Option<Vec<Value>> {
    let named = body.get("roles")?.as_array()?;
    let known = all_roles();
    let found: Vec<Value> = named
        .iter()
        .filter_map(|role| role.as_str().or_else(|| role.get("id")?.as_str()))
        .filter_map(|id| known.iter().find(|role| has_id(role, id)).cloned())
        .collect();
    (found.len() == named.len() && !found.is_empty()).then_some(found)
}

fn is_owner(member: &Value) -> bool {
    let roles = member.get("roles").and_then(Value::as_array);
    let owner = role(0).unwrap_or_default();
    roles.is_some_and(|roles| roles.contains(&owner))
        && member.get("status").and_then(Value::as_str) == Some("accepted")
}

/// `/accounts/{account}/members…`
pub(super) fn answer(world: &mut World, request: &Request, rest: &[&str]) -> Reply {
    let body: Value = request.json();
    let members = &mut world.areas.members;
    match (request.method.as_str(), rest) {
        ("GET", []) => super::simple::paged(request, members.clone(), 50, 20),
        ("POST", []) => {
            let email = body.get("email").and_then(Value::as_str).unwrap_or_default();
            if !email.contains('@') {
                return Reply::refused_at(400, 1001, "email is invalid", Some("/email"));
            }
            if members.iter().any(|row| row.get("email").and_then(Value::as_str) == Some(email)) {
                return Reply::refused(409, 1004, "The user is already a member of the account");
            }
            let Some(roles) = wanted(&body) else { return unknown_role() };
            let row = member(email, "pending", &roles);
            members.push(row.clone());
            Reply::result(row)
        }
        (method, [id]) => {
            let Some(place) = members.iter().position(|row| has_id(row, id)) else {
                return Reply::refused(404, 1003, "Member not found");
            };
            let others = members.iter().enumerate().any(|(at, row)| at != place && is_owner(row));
            one(method, place, others, &body, members)
        }
        _ => Reply::no_method(),
    }
}

fn unknown_role() -> Reply {
    Reply::refused_at(400, 1001, "at least one known role is needed", Some("/roles"))
}

fn one(
    method: &str,
    place: usize,
    other_owners: bool,
    body: &Value,
    members: &mut Vec<Value>,
) -> Reply {
    let Some(row) = members.get_mut(place) else {
        return Reply::refused(404, 1003, "Member not found");
    };
    let last = is_owner(row) && !other_owners;
    match method {
        "GET" => Reply::result(row.clone()),
        "PUT" => {
            let Some(roles) = wanted(body) else { return unknown_role() };
            if last && !roles.contains(&role(0).unwrap_or_default()) {
                return Reply::refused(400, 1007, "The account needs a Super Administrator");
            }
            if let Some(fields) = row.as_object_mut() {
                fields.insert("roles".to_owned(), Value::Array(roles));
            }
            Reply::result(row.clone())
        }
        "DELETE" if last => Reply::refused(400, 1007, "The account needs a Super Administrator"),
        "DELETE" => {
            let id = row.get("id").cloned();
            members.remove(place);
            Reply::result(json!({ "id": id }))
        }
        _ => Reply::no_method(),
    }
}
