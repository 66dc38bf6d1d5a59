//! The public keys of an issuer (a JWK set, RFC 7517), each bound to the algorithms it may prove.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

use super::SigningAlgorithm;
use crate::AuthFailure;

/// Keys of one set that are looked at; issuers publish two or three.
const KEYS_MAX: usize = 64;
/// Shortest RSA modulus, in bytes (2048 bits: RFC 7518 section 3.3).
const RSA_MODULUS_BYTES_MIN: usize = 256;

/// The keys of one fetch that can prove a token.
#[derive(Debug, Clone)]
pub(super) struct KeySet {
    keys: Vec<VerifyingKey>,
    /// Of the text it was read from: the same text is the same set.
    fingerprint: blake3::Hash,
}

/// One public key.
#[derive(Debug, Clone)]
pub(super) struct VerifyingKey {
    id: Option<String>,
    /// The configured algorithms that fit the key's own type, curve and `alg`.
    algorithms: Vec<SigningAlgorithm>,
    key: DecodingKey,
}

/// A key as it is published; `n` and `e` are RSA's, `x` and `y` those of the curves.
#[derive(Debug, Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a set. Keys that can prove nothing here (secret, weak, for encryption, of another algorithm) are left out.
    ///
    /// # Errors
    /// When the text is no JWK set or nothing of it can be used; the set known before is then the better one.
    pub(super) fn parse(text: &[u8], allowed: &[SigningAlgorithm]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Published {
            keys: Vec<Value>,
        }
        let published: Published =
            serde_json::from_slice(text).map_err(|error| format!("it is not a JWK set: {error}"))?;
        let keys: Vec<_> = published
            .keys
            .into_iter()
            .take(KEYS_MAX)
            .filter_map(|key| verifying_key(serde_json::from_value(key).ok()?, allowed))
            .collect();
        if keys.is_empty() {
            return Err("none of its keys fits an algorithm that is configured".to_owned());
        }
        Ok(Self { keys, fingerprint: blake3::hash(text) })
    }

    /// The key that a token's header points at.
    pub(super) fn find(
        &self,
        key_id: Option<&str>,
        algorithm: SigningAlgorithm,
    ) -> Result<&VerifyingKey, AuthFailure> {
        let Some(key_id) = key_id else {
            // Without a name only one key may be meant; trying them all would let a caller choose.
            let mut fitting = self.keys.iter().filter(|key| key.algorithms.contains(&algorithm));
            return match (fitting.next(), fitting.next()) {
                (Some(only), None) => Ok(only),
                (Some(_), Some(_)) | (None, _) => Err(AuthFailure::MissingKid),
            };
        };
        let mut named = self.keys.iter().filter(|key| key.id.as_deref() == Some(key_id)).peekable();
        if named.peek().is_none() {
            return Err(AuthFailure::UnknownKid);
        }
        named.find(|key| key.algorithms.contains(&algorithm)).ok_or(AuthFailure::AlgorithmRefused)
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl VerifyingKey {
    /// Whether `signature` (base64url) is this key's under `signed`, by that algorithm.
    pub(super) fn proves(&self, signed: &str, signature: &str, algorithm: SigningAlgorithm) -> bool {
        self.algorithms.contains(&algorithm)
            && jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &self.key, algorithm.in_library())
                .unwrap_or(false)
    }
}

fn verifying_key(jwk: Jwk, allowed: &[SigningAlgorithm]) -> Option<VerifyingKey> {
    let for_signatures = jwk.usage.as_deref().is_none_or(|usage| usage == "sig")
        && jwk.key_ops.as_ref().is_none_or(|deeds| deeds.iter().any(|deed| deed == "verify"));
    let algorithms: Vec<_> = allowed
        .iter()
        .copied()
        .filter(|algorithm| algorithm.fits(&jwk.kty, jwk.crv.as_deref()))
        .filter(|algorithm| jwk.alg.as_deref().is_none_or(|alg| alg == algorithm.as_str()))
        .collect();
    if !for_signatures || algorithms.is_empty() {
        return None;
    }
    let key = match jwk.kty.as_str() {
        "RSA" => {
            let modulus = URL_SAFE_NO_PAD.decode(jwk.n?).ok()?;
            let exponent = URL_SAFE_NO_PAD.decode(jwk.e?).ok()?;
            let length = modulus.iter().skip_while(|byte| **byte == 0).count();
            (length >= RSA_MODULUS_BYTES_MIN)
                .then(|| DecodingKey::from_rsa_raw_components(&modulus, &exponent))?
        }
        "EC" => DecodingKey::from_ec_components(&jwk.x?, &jwk.y?).ok()?,
        "OKP" => DecodingKey::from_ed_components(&jwk.x?).ok()?,
        _ => return None,
    };
    Some(VerifyingKey { id: jwk.kid, algorithms, key })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ALLOWED: &[SigningAlgorithm] =
        &[SigningAlgorithm::Rs256, SigningAlgorithm::Ps256, SigningAlgorithm::Es256];

    fn rsa(more: Value) -> Value {
        let mut key = json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xC5; 256]), "e": "AQAB" });
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        key
    }

    fn ec(more: Value) -> Value {
        let x = URL_SAFE_NO_PAD.encode([1; 32]);
        let mut key = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": x });
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        key
    }

    /// What a set of these keys says to a header of that kid and algorithm.
    #[track_caller]
    fn check(keys: &[Value], kid: Option<&str>, algorithm: SigningAlgorithm, want: &str) {
        let text = serde_json::to_vec(&json!({ "keys": keys })).unwrap();
        let got = match KeySet::parse(&text, ALLOWED) {
            Ok(set) => set.find(kid, algorithm).map_or_else(AuthFailure::name, |_| "found"),
            Err(_) => "unusable",
        };
        assert_eq!(got, want);
    }

    #[test]
    fn a_key_is_found_by_its_id_for_the_algorithms_that_are_its_own() {
        use SigningAlgorithm::{Es256, Es384, Ps256, Rs256};
        let both = [rsa(json!({ "kid": "r", "alg": "RS256" })), ec(json!({ "kid": "e", "use": "sig" }))];
        check(&both, Some("r"), Rs256, "found");
        check(&both, Some("r"), Ps256, "algorithm_refused");
        check(&both, Some("r"), Es256, "algorithm_refused");
        check(&both, Some("e"), Es256, "found");
        check(&both, Some("e"), Es384, "algorithm_refused");
        check(&both, Some("x"), Rs256, "unknown_kid");
        check(&[rsa(json!({ "kid": "r" }))], Some("r"), Ps256, "found");
    }

    #[test]
    fn without_an_id_exactly_one_key_must_fit() {
        use SigningAlgorithm::{Es256, Rs256};
        let one_of_each = [rsa(json!({})), ec(json!({ "kid": "e" }))];
        check(&one_of_each, None, Rs256, "found");
        check(&one_of_each, None, Es256, "found");
        check(&[rsa(json!({ "kid": "a" })), rsa(json!({ "kid": "b" }))], None, Rs256, "missing_kid");
        check(&[ec(json!({}))], None, Rs256, "missing_kid");
    }

    #[test]
    fn keys_that_cannot_prove_a_token_are_left_out() {
        use SigningAlgorithm::Rs256;
        let weak = json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xC5; 128]), "e": "AQAB" });
        for useless in [
            rsa(json!({ "use": "enc" })),
            rsa(json!({ "key_ops": ["encrypt"] })),
            rsa(json!({ "alg": "RS512" })),
            rsa(json!({ "n": "not base64url!" })),
            rsa(json!({ "n": null })),
            weak,
            json!({ "kty": "oct", "k": "c2VjcmV0", "alg": "HS256" }),
            json!({ "kty": "EC", "crv": "P-521", "x": "AQ", "y": "AQ" }),
            json!("nonsense"),
        ] {
            check(std::slice::from_ref(&useless), None, Rs256, "unusable");
            check(&[useless, rsa(json!({ "kid": "r" }))], Some("r"), Rs256, "found");
        }
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for text in ["", "[]", "{}", "{\"keys\": 7}", "<html>", "{\"keys\": []}"] {
            assert!(KeySet::parse(text.as_bytes(), ALLOWED).is_err(), "{text}");
        }
    }
}
