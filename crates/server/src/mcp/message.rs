//! What a JSON-RPC message asks for, before the protocol library reads it: enough to admit it and to answer it.

use rmcp::model::{ErrorCode, ErrorData};
use serde_json::Value;
use tenancy::Operation;

use super::resources::Address;
use super::{recall_context, tools};

/// A message that is one.
#[derive(Debug)]
pub(super) struct Message {
    body: Value,
}

/// Why a body is no message, and the id to answer with (`null` when it has none).
#[derive(Debug)]
pub(super) struct NoMessage {
    pub(super) id: Value,
    pub(super) error: ErrorData,
}

impl Message {
    /// Reads a body.
    ///
    /// # Errors
    /// What is wrong, as JSON-RPC has it: -32700, -32600 or -32602.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, NoMessage> {
        let body: Value = serde_json::from_slice(bytes).map_err(|_| NoMessage {
            id: Value::Null,
            error: ErrorData::parse_error("the body is not JSON, or is nested too deeply", None),
        })?;
        match fault(&body) {
            None => Ok(Self { body }),
            Some(error) => {
                let id = body.get("id").filter(|id| id.is_string() || id.is_i64()).cloned();
                Err(NoMessage { id: id.unwrap_or_default(), error })
            }
        }
    }

    /// The id to answer a body with, whether it is a message or not.
    pub(super) fn id_of(parsed: &Result<Self, NoMessage>) -> Value {
        match parsed {
            Ok(message) => message.id().clone(),
            Err(no) => no.id.clone(),
        }
    }

    /// The id to answer with; `null` for a notification.
    pub(super) fn id(&self) -> &Value {
        &self.body["id"]
    }

    /// What the gateway is asked to admit.
    pub(super) fn operation(&self) -> Operation {
        let named = |field: &str| self.body["params"][field].as_str().unwrap_or("");
        let asked = match self.body["method"].as_str() {
            Some("tools/call") => tools::named(named("name")).map(|tool| tool.operation),
            Some("resources/read") => Address::parse(named("uri")).map(|address| address.operation()),
            Some("prompts/get") if named("name") == recall_context::NAME => Some(Operation::RecallContext),
            _ => None,
        };
        asked.unwrap_or(Operation::DescribeMcp)
    }
}

fn fault(body: &Value) -> Option<ErrorData> {
    let invalid = |message| Some(ErrorData::invalid_request(message, None));
    let Value::Object(message) = body else {
        return match body {
            Value::Array(_) => invalid("batches are not part of this protocol; send one message a request"),
            _ => invalid("a JSON-RPC message is an object"),
        };
    };
    if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return invalid("jsonrpc must be \"2.0\"");
    }
    if message.get("id").is_some_and(|id| !id.is_string() && !id.is_i64()) {
        return invalid("id must be a string or an integer");
    }
    let Some(method) = message.get("method") else {
        return if message.contains_key("result") || message.contains_key("error") {
            invalid("this service asks nothing, so there is nothing to answer")
        } else {
            invalid("method is required")
        };
    };
    let Some(method) = method.as_str() else { return invalid("method must be a string") };
    params_fault(method, message.get("params").unwrap_or(&Value::Null))
}

/// The protocol library takes a known method with odd parameters for an unknown method; this says what is odd.
fn params_fault(method: &str, params: &Value) -> Option<ErrorData> {
    let wrong = |message: String| Some(ErrorData::new(ErrorCode::INVALID_PARAMS, message, None));
    if !params.is_object() && !params.is_null() {
        return wrong("params must be an object".to_owned());
    }
    let needed: &[&str] = match method {
        "tools/call" | "prompts/get" => &["name"],
        "resources/read" => &["uri"],
        _ => &[],
    };
    for field in needed {
        if !params[*field].is_string() {
            return wrong(format!("params.{field} must be a string"));
        }
    }
    let arguments = &params["arguments"];
    if matches!(method, "tools/call" | "prompts/get") && !arguments.is_null() && !arguments.is_object() {
        return wrong("params.arguments must be an object".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_says_what_is_to_be_admitted() {
        let check = |method: &str, params: Value, want: Operation| {
            let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
            assert_eq!(Message::parse(body.to_string().as_bytes()).unwrap().operation(), want, "{body}");
        };
        check("tools/call", json!({"name": "memory_search"}), Operation::Search);
        check("tools/call", json!({"name": "memory_create", "arguments": {}}), Operation::CreateMemory);
        check("tools/call", json!({"name": "no_such_tool"}), Operation::DescribeMcp);
        check("resources/read", json!({"uri": "engram://memory/12"}), Operation::GetMemory);
        check("resources/read", json!({"uri": "engram://workspace/home"}), Operation::ListMemories);
        check("resources/read", json!({"uri": "file:///etc/passwd"}), Operation::DescribeMcp);
        check("prompts/get", json!({"name": "recall_context"}), Operation::RecallContext);
        check("tools/list", Value::Null, Operation::DescribeMcp);
    }

    #[test]
    fn what_is_no_message_is_told_with_its_id() {
        let check = |body: &str, code: i32, id: Value| {
            let told = Message::parse(body.as_bytes()).unwrap_err();
            assert_eq!((told.error.code.0, told.id), (code, id), "{body}");
        };
        check("{", -32_700, Value::Null);
        check("[]", -32_600, Value::Null);
        check("7", -32_600, Value::Null);
        check(r#"{"id":1,"method":"ping"}"#, -32_600, json!(1));
        check(r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32_600, Value::Null);
        check(r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32_600, Value::Null);
        check(r#"{"jsonrpc":"2.0","id":"a"}"#, -32_600, json!("a"));
        check(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#, -32_602, json!(1));
        check(
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":[]}}"#,
            -32_602,
            json!(1),
        );
        check(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}"#, -32_602, json!(1));
    }
}
