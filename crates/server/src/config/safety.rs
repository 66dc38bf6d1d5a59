//! What must not be left as it is where strangers' memories are kept: every unsafe setting, and what to do about it.

use tenancy::Environment;

use super::{Config, Enforcement, SignUp, UsageRecording, url};

/// A setting whose value is unsafe outside a developer's machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsafe {
    /// The setting's name.
    pub setting: &'static str,
    /// What it endangers, and what to set instead.
    pub why: String,
}

/// What is done about unsafe settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// A developer's machine: nothing.
    Silent,
    /// A rehearsal: they are told.
    Warn,
    /// The real thing: the service does not start.
    Refuse,
}

impl Strictness {
    /// What an environment does about unsafe settings.
    pub fn of(environment: Environment) -> Self {
        match environment {
            Environment::Dev => Self::Silent,
            Environment::Staging => Self::Warn,
            Environment::Prod => Self::Refuse,
        }
    }
}

impl Config {
    /// Every unsafe setting, in the order of the subjects. What the environment makes of them is
    /// [`Strictness::of`] it.
    pub fn unsafe_settings(&self) -> Vec<Unsafe> {
        let checks = [
            self.unasked_control_plane(),
            self.home_made_pepper(),
            self.plain_http_to_the_network(),
            self.trust_in_everybody(),
            self.any_page(),
            self.switched_off("limits.rates", self.limits.rates),
            self.switched_off("limits.quotas", self.limits.quotas),
            self.unlimited_addresses(),
            self.key_set_in_the_clear("jwt.issuer", self.jwt.issuer.clone()),
            self.key_set_in_the_clear("jwt.jwks_url", self.jwt.jwks_url.clone()),
            self.sign_up_without_tokens(),
            self.unrecorded_usage(),
            self.home_made_operator_key(),
        ];
        checks.into_iter().flatten().collect()
    }

    /// What is odd for the environment without being unsafe: told at the start, never refused.
    pub fn odd_settings(&self) -> Vec<Unsafe> {
        let soft = |setting, value| {
            let why = "is soft: what goes beyond a plan is counted and not refused; set it to enforced";
            (value == Enforcement::Soft).then(|| unsafe_because(setting, why))
        };
        match self.service.environment {
            Environment::Dev | Environment::Staging => Vec::new(),
            Environment::Prod => [
                soft("limits.rates", self.limits.rates),
                soft("limits.quotas", self.limits.quotas),
                self.vault_beside_the_data(),
            ]
            .into_iter()
            .flatten()
            .collect(),
        }
    }

    fn unasked_control_plane(&self) -> Option<Unsafe> {
        let why = "is not set, so tenants and keys would be kept beside the data; set it to a postgres:// URL, or to \
                   embedded if that is meant";
        self.control.asked.is_none().then(|| unsafe_because("control.url", why))
    }

    fn home_made_pepper(&self) -> Option<Unsafe> {
        let why = "is not set, so the secret that keys are hashed with would lie beside the hashes; set it (better as \
                   the variable ENGRAM_KEYS_PEPPERS), or keys.peppers_file to a file outside the data folder";
        if !self.keys.are_given() {
            return Some(unsafe_because("keys.peppers", why));
        }
        let inside =
            self.keys.peppers_file.as_ref().is_some_and(|file| file.starts_with(&self.service.data_dir));
        let why = "lies in the data folder, beside the hashes it protects; move the file elsewhere";
        inside.then(|| unsafe_because("keys.peppers_file", why))
    }

    fn plain_http_to_the_network(&self) -> Option<Unsafe> {
        if self.tls.files().is_some() || !self.proxy.trusted.is_empty() {
            return None;
        }
        let listen = self.service.listen;
        let who = match (listen.ip().is_loopback(), listen.ip().is_unspecified()) {
            (true, _) => "programs of this machine".to_owned(),
            (false, true) => format!("every network of this machine ({listen})"),
            (false, false) => format!("the network ({listen})"),
        };
        Some(unsafe_because(
            "tls.certificate",
            format!(
                "is not set, so keys would cross {who} as plain text; set tls.certificate and tls.key, or name the \
                 proxy that speaks TLS in proxy.trusted"
            ),
        ))
    }

    fn trust_in_everybody(&self) -> Option<Unsafe> {
        let why =
            "trusts every address, so anybody may claim to be anybody; name the networks of the proxies";
        let everybody = self.proxy.trusted.iter().any(|network| network.prefix_len() == 0);
        everybody.then(|| unsafe_because("proxy.trusted", why))
    }

    fn any_page(&self) -> Option<Unsafe> {
        let why = "allows every web page; list the origins that are yours";
        self.cors.allows_any().then(|| unsafe_because("cors.origins", why))
    }

    fn switched_off(&self, setting: &'static str, value: Enforcement) -> Option<Unsafe> {
        let why = "is off, so one tenant can take everything; set it to enforced";
        match value {
            Enforcement::Off => Some(unsafe_because(setting, why)),
            Enforcement::Soft | Enforcement::Enforced => None,
        }
    }

    fn unlimited_addresses(&self) -> Option<Unsafe> {
        let why =
            "is 0, so one address may guess keys as fast as it can; leave it at its default, or set a rate";
        (self.limits.address_per_second == 0).then(|| unsafe_because("limits.address_per_second", why))
    }

    fn key_set_in_the_clear(&self, setting: &'static str, url: Option<String>) -> Option<Unsafe> {
        let url = url?;
        let why = "is an http:// URL, so whoever is on the way could forge keys and tokens; use https://";
        (url.starts_with("http://") && !url::is_loopback(&url)).then(|| unsafe_because(setting, why))
    }

    fn sign_up_without_tokens(&self) -> Option<Unsafe> {
        let why = "is open, but no tokens are taken, so nobody could sign up; set jwt.issuer and jwt.audience, or close it";
        match self.service.sign_up {
            SignUp::Open if !self.jwt.is_on() => Some(unsafe_because("sign_up", why)),
            SignUp::Open | SignUp::Closed => None,
        }
    }

    fn home_made_operator_key(&self) -> Option<Unsafe> {
        let why = "is not set, so the key that opens every backup would lie on the machine the backups are for; make one \
                   with `engram operator-key create`, keep a copy elsewhere, and set it (better as the variable \
                   ENGRAM_BACKUP_OPERATOR_KEY), or backup.operator_key_file to a file outside the data folder";
        if !self.backup.has_operator_key() {
            return Some(unsafe_because("backup.operator_key", why));
        }
        let file = self.backup.operator_key_file.as_ref();
        let why = "lies in the data folder, with which it would be lost; move the file elsewhere";
        let inside = file.is_some_and(|file| file.starts_with(&self.service.data_dir));
        inside.then(|| unsafe_because("backup.operator_key_file", why))
    }

    fn vault_beside_the_data(&self) -> Option<Unsafe> {
        let why = "is a folder of this machine's data, and lost with it; set it to s3://bucket/prefix, or to file:///path \
                   on another disk";
        let beside = match &self.backup.vault {
            None => true,
            Some(url) => url
                .strip_prefix("file://")
                .is_some_and(|path| std::path::Path::new(path).starts_with(&self.service.data_dir)),
        };
        beside.then(|| unsafe_because("backup.vault", why))
    }

    fn unrecorded_usage(&self) -> Option<Unsafe> {
        let why = "is true, so nothing could be billed; set it to false";
        match self.usage.recording {
            UsageRecording::DryRun => Some(unsafe_because("usage.dry_run", why)),
            UsageRecording::On => None,
        }
    }
}

fn unsafe_because(setting: &'static str, why: impl Into<String>) -> Unsafe {
    Unsafe { setting, why: why.into() }
}

impl std::fmt::Display for Unsafe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.setting, self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Sources;
    use super::*;

    const SAFE: &[(&str, &str)] = &[
        ("env", "prod"),
        ("control.url", "postgres://u:p@h/db"),
        ("keys.peppers_file", "/etc/engram/peppers"),
        ("tls.certificate", "c"),
        ("tls.key", "k"),
        ("backup.operator_key_file", "/etc/engram/operator-key"),
        ("backup.vault", "s3://bucket"),
    ];

    /// A safe prod with some settings changed (an empty value leaves the setting out) has these unsafe ones.
    fn check(changes: &[(&str, &str)], want: &[&str]) {
        let kept = SAFE.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let all = kept.chain(changes).filter(|(_, value)| !value.is_empty());
        let sources = all.fold(Sources::default(), |sources, (name, value)| sources.with_flag(name, *value));
        let config = Config::load(&sources).unwrap();
        let found: Vec<_> = config.unsafe_settings().into_iter().map(|found| found.setting).collect();
        assert_eq!(found, want, "{changes:?}");
    }

    #[test]
    fn each_unsafe_setting_is_named() {
        check(&[], &[]);
        check(&[("control.url", "")], &["control.url"]);
        check(&[("control.url", "embedded")], &[]);
        check(&[("keys.peppers_file", "")], &["keys.peppers"]);
        check(
            &[("keys.peppers_file", "/data/control/pepper"), ("data_dir", "/data")],
            &["keys.peppers_file"],
        );
        check(&[("tls.certificate", ""), ("tls.key", "")], &["tls.certificate"]);
        check(&[("tls.certificate", ""), ("tls.key", ""), ("listen", "0.0.0.0:80")], &["tls.certificate"]);
        check(&[("tls.certificate", ""), ("tls.key", ""), ("proxy.trusted", "10.0.0.0/8")], &[]);
        check(&[("proxy.trusted", "0.0.0.0/0")], &["proxy.trusted"]);
        check(&[("proxy.trusted", "::/0")], &["proxy.trusted"]);
        check(&[("cors.origins", "https://a.example,*")], &["cors.origins"]);
        check(&[("limits.rates", "off"), ("limits.quotas", "off")], &["limits.rates", "limits.quotas"]);
        check(&[("limits.quotas", "soft")], &[]);
        check(&[("limits.address_per_second", "0")], &["limits.address_per_second"]);
        let jwt = |issuer, jwks| [("jwt.issuer", issuer), ("jwt.audience", "a"), ("jwt.jwks_url", jwks)];
        check(&jwt("https://id.example", ""), &[]);
        check(&jwt("http://id.example", ""), &["jwt.issuer"]);
        check(&jwt("https://id.example", "http://id.example/keys"), &["jwt.jwks_url"]);
        check(&jwt("http://127.0.0.1:9000", "http://localhost:9000/keys"), &[]);
        check(&[("sign_up", "open")], &["sign_up"]);
        check(&[("usage.dry_run", "true")], &["usage.dry_run"]);
        check(&[("backup.operator_key_file", "")], &["backup.operator_key"]);
        check(
            &[("backup.operator_key_file", "/data/key"), ("data_dir", "/data")],
            &["backup.operator_key_file"],
        );
    }

    #[test]
    fn the_defaults_of_a_laptop_are_all_named() {
        let named: Vec<_> =
            Config::dev("x").unsafe_settings().into_iter().map(|found| found.setting).collect();
        for setting in [
            "control.url",
            "keys.peppers",
            "tls.certificate",
            "limits.rates",
            "limits.quotas",
            "backup.operator_key",
        ] {
            assert!(named.contains(&setting), "{setting}");
        }
    }

    #[test]
    fn soft_limits_in_prod_are_odd() {
        let sources = Sources::default().with_flag("env", "prod").with_flag("limits.quotas", "soft");
        let odd = Config::load(&sources).unwrap().odd_settings();
        let named: Vec<_> = odd.into_iter().map(|found| found.setting).collect();
        assert_eq!(named, ["limits.quotas", "backup.vault"]);
    }
}
