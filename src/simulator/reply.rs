//! Replies in Cloudflare's envelope.

use serde_json::{Value, json};

/// What is sent back.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

#[expect(clippy::needless_pass_by_value, reason = "values are made for the reply alone")]
impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", "application/json".to_owned())],
            body: body.to_string().into_bytes(),
        }
    }

    /// It went well.
    pub(super) fn result(result: Value) -> Self {
        let body = json!({ "success": true, "errors": [], "messages": [], "result": result });
        Self::json(200, &body)
    }

    /// It went well, and there is more to say of the result.
    pub(super) fn page(result: Value, info: Value) -> Self {
        let body = json!({
            "success": true, "errors": [], "messages": [], "result": result, "result_info": info,
        });
        Self::json(200, &body)
    }

    /// It went well; the reply is plain text without an envelope.
    pub(super) fn text(text: &str) -> Self {
        Self {
            status: 200,
            headers: vec![("Content-Type", "text/plain".to_owned())],
            body: text.as_bytes().to_vec(),
        }
    }

    /// It went well with nothing to tell; some deletions answer so.
    pub(super) fn nothing() -> Self {
        Self { status: 204, headers: Vec::new(), body: Vec::new() }
    }

    /// With another status.
    pub(super) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// It went well; the reply is JSON without an envelope.
    pub(super) fn bare(body: Value) -> Self {
        Self::json(200, &body)
    }

    /// It went well; the reply is the thing itself.
    pub(super) fn file(kind: &str, body: Vec<u8>) -> Self {
        Self { status: 200, headers: vec![("Content-Type", kind.to_owned())], body }
    }

    /// It was refused. `result` is an empty object or `null`, as the area has it.
    pub(super) fn refused(status: u16, code: i64, message: &str) -> Self {
        Self::refused_at(status, code, message, None)
    }

    /// It was refused because of a part of the request.
    pub(super) fn refused_at(status: u16, code: i64, message: &str, pointer: Option<&str>) -> Self {
        let mut error = json!({ "code": code, "message": message });
        if let (Some(pointer), Some(fields)) = (pointer, error.as_object_mut()) {
            fields.insert("source".to_owned(), json!({ "pointer": pointer }));
        }
        let body = json!({ "success": false, "errors": [error], "messages": [], "result": null });
        Self::json(status, &body)
    }

    /// There is nothing at this path.
    pub(super) fn no_route() -> Self {
        Self::refused(404, 7_003, "Could not route to the requested path")
    }

    /// There is no such zone.
    pub(super) fn no_zone() -> Self {
        Self::refused(404, 7_003, "Could not route to the requested zone")
    }

    /// There is something at this path, for other methods.
    pub(super) fn no_method() -> Self {
        Self::refused(405, 10_405, "Method not allowed")
    }

    /// A page for people, as proxies in front of the API send it.
    pub(super) fn html(status: u16) -> Self {
        let body = format!(
            "<!DOCTYPE html>\n<html><head><title>{status}</title></head><body>cloudflare</body></html>"
        );
        Self {
            status,
            headers: vec![("Content-Type", "text/html".to_owned())],
            body: body.into_bytes(),
        }
    }

    /// With a header.
    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}
