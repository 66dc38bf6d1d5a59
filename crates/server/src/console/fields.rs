//! What a browser sends: the fields of a form or of a query string, as the JSON that `decode` reads.

use serde_json::{Map, Value};

/// Most fields of one form.
const FIELDS_MAX: usize = 256;

/// Fields in the order they were sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent(Vec<(String, String)>);

impl Sent {
    /// Reads `a=1&b=2`. What is no UTF-8 shows as replacement characters; lines end as people's programs end them.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(bytes).take(FIELDS_MAX);
        Self(pairs.map(|(name, value)| (name.into_owned(), value.replace("\r\n", "\n"))).collect())
    }

    /// The first value of that name, with whatever blanks it has; empty when there is none.
    pub(super) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The same without blanks around it.
    pub(super) fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The same when something was filled in.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// Every value of that name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The named fields that were filled in, as texts of an object.
    pub(super) fn object(&self, names: &[&str]) -> Map<String, Value> {
        let filled = names.iter().filter_map(|name| Some((*name, self.filled(name)?)));
        filled.map(|(name, text)| (name.to_owned(), Value::from(text))).collect()
    }
}

/// A path with a query string of what is filled in.
pub(super) fn link(path: &str, pairs: &[(&str, &str)]) -> String {
    let filled = pairs.iter().filter(|(_, value)| !value.is_empty());
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(filled).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// One segment of a path.
pub(super) fn segment(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// A number when it is one; else the text, so that whoever reads it says what is wrong.
pub(super) fn number(text: &str) -> Value {
    match text.parse::<f64>().ok().and_then(serde_json::Number::from_f64) {
        Some(number) => Value::Number(number),
        None => Value::from(text),
    }
}

/// Labels separated by commas.
pub(super) fn labels(text: &str) -> Value {
    text.split(',').map(str::trim).filter(|label| !label.is_empty()).map(Value::from).collect()
}

/// A time as people write it, in UTC; else the text, so that whoever reads it says what is wrong.
pub(super) fn time(text: &str) -> Value {
    let local = text.parse::<jiff::civil::DateTime>().ok();
    let local = local.and_then(|local| local.to_zoned(jiff::tz::TimeZone::UTC).ok());
    local.map_or_else(|| Value::from(text), |zoned| Value::from(zoned.timestamp().to_string()))
}

/// A path of the console, or its first page: nobody is led elsewhere by a field.
pub(super) fn own_path(text: &str) -> &str {
    let rest = text.strip_prefix("/console");
    let is_own = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let is_plain = !text.contains("//") && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if is_own && is_plain { text } else { "/console" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        for (text, want) in [
            ("/console/search?q=a%20b", "/console/search?q=a%20b"),
            ("/console", "/console"),
            ("", "/console"),
            ("//evil.example", "/console"),
            ("/console//evil.example", "/console"),
            ("/consoles", "/console"),
            ("/console\\evil", "/console"),
            ("https://evil.example/console", "/console"),
            ("/console/\r\nx", "/console"),
        ] {
            assert_eq!(own_path(text), want, "{text:?}");
        }
    }

    #[test]
    fn fields_become_what_decode_reads() {
        let sent = Sent::parse(b"a=1&tag=x&tag=y&b=+&c=%ff&text=l1%0D%0Al2&t=2026-11-25T08:00");
        assert_eq!((sent.text("a"), sent.filled("b"), sent.filled("z")), ("1", None, None));
        assert_eq!(sent.all("tag").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!((sent.text("c"), sent.raw("text")), ("\u{fffd}", "l1\nl2"));
        assert_eq!(time(sent.text("t")), "2026-11-25T08:00:00Z");
        assert_eq!((time("soon"), number("0.5"), number("much")), ("soon".into(), 0.5.into(), "much".into()));
        assert_eq!(labels(" a, ,b "), serde_json::json!(["a", "b"]));
        assert_eq!(link("/x", &[("q", "a&b"), ("n", "")]), "/x?q=a%26b");
        assert_eq!(segment("a/b c"), "a%2Fb%20c");
    }
}
