//! Where settings come from, in which order, and what is said about the wrong ones.

use std::fmt;
use std::path::PathBuf;

use tenancy::Environment;

use super::Config;
use super::setting::{self, Setting, Shape};

/// Variables of commands that talk to a service, which are no settings of one.
const CLIENT_VARIABLES: &[&str] = &["ENGRAM_URL", "ENGRAM_API_KEY", "ENGRAM_TENANT", "ENGRAM_CONFIG"];

/// Variables of others' tools, S3 and OpenTelemetry, and the settings that they stand in for.
const STAND_INS: &[(&str, &str)] = &[
    ("AWS_ACCESS_KEY_ID", "backup.vault_access_key_id"),
    ("AWS_SECRET_ACCESS_KEY", "backup.vault_secret_access_key"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "telemetry.otlp_endpoint"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "telemetry.otlp_headers"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "telemetry.otlp_timeout_ms"),
    ("OTEL_SERVICE_NAME", "telemetry.service_name"),
];
/// How OpenTelemetry's variables say which protocol their endpoint speaks, and the one that is spoken here.
const OTLP_PROTOCOL: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");

/// Everything that was said about the configuration.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// `ENGRAM_*` variables and those that stand in for them, name and value.
    pub variables: Vec<(String, String)>,
    /// Flags, as the setting's name and its value.
    pub flags: Vec<(String, String)>,
}

/// Everything that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError(pub Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

/// A value on its way: the setting, the text, and where it was said.
struct Said {
    setting: &'static Setting,
    text: String,
    place: String,
}

impl Sources {
    /// The variables of this process; `ENGRAM_CONFIG` names the file.
    #[allow(clippy::disallowed_methods, reason = "the configuration is where the environment is read")]
    pub fn from_environment() -> Self {
        let said: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let ours = said.iter().filter(|(name, _)| name.starts_with("ENGRAM_"));
        let stand_ins = said.iter().filter(|(name, value)| stands_in(name) && !value.is_empty());
        let speaks_otherwise =
            |(name, value): &&(String, String)| name == OTLP_PROTOCOL.0 && value != OTLP_PROTOCOL.1;
        let stand_ins: Vec<_> = match said.iter().find(speaks_otherwise) {
            Some(_) => stand_ins.filter(|(name, _)| !name.starts_with("OTEL_")).collect(),
            None => stand_ins.collect(),
        };
        // What is said by our own name comes last and holds.
        let variables = stand_ins.into_iter().chain(ours).cloned().collect();
        let file = std::env::var_os("ENGRAM_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
        Self { file, variables, flags: Vec::new() }
    }

    /// Adds a flag.
    #[must_use]
    pub fn with_flag(mut self, name: &str, value: impl Into<String>) -> Self {
        self.flags.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn resolve(&self) -> Result<Config, ConfigError> {
        let mut problems = Vec::new();
        let mut said = self.read_file(&mut problems);
        for (name, value) in &self.variables {
            if CLIENT_VARIABLES.contains(&name.as_str()) {
                continue;
            }
            match setting_of(name) {
                Some(setting) => said.push(Said { setting, text: value.clone(), place: name.clone() }),
                None => problems.push(unknown(name, setting::all().map(Setting::variable).collect())),
            }
        }
        for (name, value) in &self.flags {
            match Setting::named(name) {
                Some(setting) => said.push(Said { setting, text: value.clone(), place: format!("--{name}") }),
                None => problems.push(unknown(name, known_names())),
            }
        }
        let mut config = Config::defaults(environment(&said));
        for Said { setting, text, place } in said {
            match (setting.apply)(&mut config, &text) {
                Ok(()) => drop(config.places.insert(setting.name, place)),
                Err(rule) => problems.push(format!("{place} {rule}")),
            }
        }
        problems.extend(config.contradictions());
        if problems.is_empty() { Ok(config) } else { Err(ConfigError(problems)) }
    }

    fn read_file(&self, problems: &mut Vec<String>) -> Vec<Said> {
        let Some(path) = &self.file else { return Vec::new() };
        let place = path.display();
        let table = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read {place}: {error}"))
            .and_then(|text| text.parse::<toml::Table>().map_err(|error| format!("{place}: {error}")));
        let mut said = Vec::new();
        match table {
            Ok(table) => flatten(&table, "", &mut |name, value| match Setting::named(&name) {
                Some(setting) => match text_of(value, setting.shape) {
                    Ok(text) => said.push(Said { setting, text, place: format!("{place}: {name}") }),
                    Err(rule) => problems.push(format!("{place}: {name} {rule}")),
                },
                None => problems.push(format!("{place}: {}", unknown(&name, known_names()))),
            }),
            Err(problem) => problems.push(problem),
        }
        said
    }
}

/// The setting that a variable means.
fn setting_of(variable: &str) -> Option<&'static Setting> {
    match STAND_INS.iter().find(|(theirs, _)| *theirs == variable) {
        Some((_, ours)) => Setting::named(ours),
        None => setting::all().find(|setting| setting.variable() == variable),
    }
}

fn stands_in(variable: &str) -> bool {
    STAND_INS.iter().any(|(theirs, _)| *theirs == variable)
}

/// The environment decides the other defaults, so it is looked up first.
fn environment(said: &[Said]) -> Environment {
    let last = said.iter().rev().find(|said| said.setting.name == "env");
    last.and_then(|said| Environment::parse(&said.text)).unwrap_or(Environment::Dev)
}

fn flatten(table: &toml::Table, prefix: &str, take: &mut dyn FnMut(String, &toml::Value)) {
    for (key, value) in table {
        let name = format!("{prefix}{key}");
        match value {
            toml::Value::Table(inner) => flatten(inner, &format!("{name}."), take),
            toml::Value::String(_)
            | toml::Value::Integer(_)
            | toml::Value::Float(_)
            | toml::Value::Boolean(_)
            | toml::Value::Datetime(_)
            | toml::Value::Array(_) => take(name, value),
        }
    }
}

/// A value of the file in the form that variables and flags have.
fn text_of(value: &toml::Value, shape: Shape) -> Result<String, String> {
    match (value, shape) {
        (toml::Value::String(text), _) => Ok(text.clone()),
        (toml::Value::Array(items), Shape::List) => {
            let texts: Option<Vec<_>> = items.iter().map(toml::Value::as_str).collect();
            texts.map(|texts| texts.join(",")).ok_or_else(|| "must be a list of texts in quotes".to_owned())
        }
        (toml::Value::Array(_) | toml::Value::Table(_), _) => Err("must be a single value".to_owned()),
        (
            toml::Value::Integer(_)
            | toml::Value::Float(_)
            | toml::Value::Boolean(_)
            | toml::Value::Datetime(_),
            _,
        ) => Ok(value.to_string()),
    }
}

fn known_names() -> Vec<String> {
    setting::all().map(|setting| setting.name.to_owned()).collect()
}

fn unknown(name: &str, known: Vec<String>) -> String {
    let nearest = known.into_iter().map(|known| (distance(name, &known), known)).min();
    match nearest {
        Some((far, known)) if far <= 3 + name.len() / 4 => {
            format!("{name} is no setting; did you mean {known}?")
        }
        _ => format!("{name} is no setting"),
    }
}

/// Letters to insert, drop or replace (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn sources(
        file: &str,
        variables: &[(&str, &str)],
        flags: &[(&str, &str)],
    ) -> (Sources, tempfile::NamedTempFile) {
        let mut kept = tempfile::NamedTempFile::new().unwrap();
        kept.write_all(file.as_bytes()).unwrap();
        let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        (Sources { file: Some(kept.path().into()), variables: owned(variables), flags: owned(flags) }, kept)
    }

    #[test]
    fn flags_beat_variables_beat_the_file_beat_defaults() {
        let file = "env = \"prod\"\nlisten = \"127.0.0.1:1\"\n[limits]\nin_flight = 7\nbody_bytes = 2048\n";
        let (all, _kept) = sources(
            file,
            &[("ENGRAM_LISTEN", "127.0.0.1:2"), ("ENGRAM_LIMITS_IN_FLIGHT", "8"), ("ENGRAM_URL", "http://x")],
            &[("listen", "localhost:3")],
        );
        let config = Config::load(&all).unwrap();
        assert_eq!(config.service.listen.to_string(), "127.0.0.1:3");
        assert_eq!((config.limits.in_flight, config.limits.body_bytes), (8, 2048));
        assert_eq!(config.limits.rates, super::super::Enforcement::Enforced);
        assert_eq!(config.service.default_plan, "free");
    }

    #[test]
    fn every_mistake_is_told_with_its_place_and_the_nearest_name() {
        let file = "lisen = \"x\"\n[limits]\nin_flight = 0\n[embedding]\nprovider = \"openai\"\n";
        let (all, _kept) = sources(file, &[("ENGRAM_DATADIR", "x")], &[("log.formt", "text")]);
        let told = Config::load(&all).unwrap_err().to_string();
        for part in [
            "did you mean listen?",
            "did you mean ENGRAM_DATA_DIR?",
            "did you mean log.format?",
            "limits.in_flight must be a whole number between 1 and 100000",
            "needs embedding.url",
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
    }

    #[test]
    fn the_new_subjects_are_read_from_arrays_and_texts() {
        let file = "sign_up = \"open\"\ndomain = \"Engram.example.com\"\n[jwt]\nissuer = \"https://id.example/\"\n\
                    audience = [\"a\", \"b\"]\n[proxy]\ntrusted = [\"10.1.2.3/8\", \"::1\"]\n[usage]\ndry_run = true\n";
        let (all, _kept) = sources(
            file,
            &[("ENGRAM_JWT_ALGORITHMS", "ES256, EdDSA"), ("ENGRAM_CONTROL_URL", "postgres://u:p@h/db")],
            &[("cors.origins", "https://a.example,https://b.example:443")],
        );
        let config = Config::load(&all).unwrap();
        assert_eq!(config.service.domain.as_deref(), Some("engram.example.com"));
        assert_eq!(config.jwt.audience, ["a", "b"]);
        assert_eq!(config.jwt.algorithms, ["ES256", "EdDSA"]);
        assert_eq!(config.jwt.effective_jwks_url().unwrap(), "https://id.example/.well-known/jwks.json");
        let trusted: Vec<_> = config.proxy.trusted.iter().map(ToString::to_string).collect();
        assert_eq!(trusted, ["10.0.0.0/8", "::1/128"]);
        assert_eq!(config.cors.origins, ["https://a.example", "https://b.example"]);
        let url = Setting::named("control.url").unwrap();
        assert_eq!(url.shown(&config).unwrap(), "postgres://u:***@h/db");
        assert_eq!(config.place_of(url), Some("ENGRAM_CONTROL_URL"));
        assert_eq!(config.place_of(Setting::named("listen").unwrap()), None);
    }

    #[test]
    fn variables_of_other_tools_stand_in_for_ours() {
        let (all, _kept) = sources(
            "",
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://one:4318/"),
                ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret"),
                ("OTEL_SERVICE_NAME", "theirs"),
                ("ENGRAM_TELEMETRY_SERVICE_NAME", "ours"),
            ],
            &[],
        );
        let config = Config::load(&all).unwrap();
        assert_eq!(config.traces.endpoint.as_deref(), Some("http://one:4318"));
        assert_eq!(config.traces.service_name, "ours");
        let headers = Setting::named("telemetry.otlp_headers").unwrap();
        assert_eq!(headers.shown(&config).unwrap(), "(set)");
        assert_eq!(config.place_of(headers), Some("OTEL_EXPORTER_OTLP_HEADERS"));
        let (wrong, _kept) = sources("", &[("OTEL_EXPORTER_OTLP_HEADERS", "secret")], &[]);
        let told = Config::load(&wrong).unwrap_err().to_string();
        assert!(told.starts_with("OTEL_EXPORTER_OTLP_HEADERS must be") && !told.contains("secret"), "{told}");
    }

    #[test]
    fn what_does_not_fit_together_is_told_with_everything_else() {
        let file = "[tls]\nkey = \"k\"\n[jwt]\naudience = [\"a\"]\nalgorithms = [\"HS256\", \"none\"]\n\
                    [proxy]\ntrusted = [\"10.0.0.0/40\", \"x\"]\n[keys]\npeppers = \"1 secret\"\n\
                    [control]\ndirect_url = \"postgres://u:secret@h\"\n[limits]\nrates = [\"off\"]\n";
        let (all, _kept) = sources(file, &[("ENGRAM_CONTROL_URL", "mysql://u:secret@h")], &[]);
        let told = Config::load(&all).unwrap_err().to_string();
        for part in [
            "tls.key needs tls.certificate",
            "jwt.audience needs jwt.issuer",
            "\"HS256\" is not one of RS256",
            "\"none\" is not one of",
            "\"10.0.0.0/40\" is not a network",
            "\"x\" is not a network",
            "keys.peppers is wrong: line 1",
            "control.direct_url needs",
            "ENGRAM_CONTROL_URL must be embedded or a URL",
            "limits.rates must be a single value",
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
        assert!(!told.contains("secret"), "{told}");
    }

    #[test]
    fn the_sample_file_names_every_setting_and_no_other() {
        let shown: Vec<String> = sample_names();
        let mut known = known_names();
        let mut sorted = shown.clone();
        sorted.sort();
        known.sort();
        assert_eq!(sorted, known);
    }

    /// Names in the sample, which are all commented out.
    fn sample_names() -> Vec<String> {
        let mut section = String::new();
        let mut names = Vec::new();
        for line in Config::sample_lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = format!("{name}.");
            } else if let Some((name, _)) = line.strip_prefix('#').and_then(|rest| rest.split_once(" = ")) {
                names.push(format!("{section}{name}"));
            }
        }
        names
    }

    impl Config {
        fn sample_lines() -> impl Iterator<Item = &'static str> {
            super::super::SAMPLE.lines().map(str::trim)
        }
    }
}
