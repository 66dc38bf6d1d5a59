//! Every signature algorithm that can be configured, with a real key of its own.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gateway::{GatewayOptions, JwtOptions, SigningAlgorithm};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use tenancy::{Operation, Role};
use wiremock::ResponseTemplate;

use crate::World;
use crate::tokens::{Provider, usual};

/// What signs, what is published of it, and the algorithm's name in the library.
fn key_for(algorithm: SigningAlgorithm) -> (EncodingKey, Value, Algorithm) {
    use SigningAlgorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    let (kind, written) = match algorithm {
        Rs256 => (&PKCS_RSA_SHA256, Algorithm::RS256),
        Rs384 => (&PKCS_RSA_SHA256, Algorithm::RS384),
        Rs512 => (&PKCS_RSA_SHA256, Algorithm::RS512),
        Ps256 => (&PKCS_RSA_SHA256, Algorithm::PS256),
        Ps384 => (&PKCS_RSA_SHA256, Algorithm::PS384),
        Ps512 => (&PKCS_RSA_SHA256, Algorithm::PS512),
        Es256 => (&PKCS_ECDSA_P256_SHA256, Algorithm::ES256),
        Es384 => (&PKCS_ECDSA_P384_SHA384, Algorithm::ES384),
        EdDsa => (&PKCS_ED25519, Algorithm::EdDSA),
    };
    let pair = KeyPair::generate_for(kind).unwrap();
    let pem = pair.serialize_pem();
    let published = |key: &EncodingKey| {
        let jwk = Jwk::from_encoding_key(key, written).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = json!("k");
        jwk
    };
    match algorithm {
        Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512 => {
            let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
            let jwk = published(&key);
            (key, jwk, written)
        }
        Es256 | Es384 => {
            let key = EncodingKey::from_ec_pem(pem.as_bytes()).unwrap();
            let jwk = published(&key);
            (key, jwk, written)
        }
        EdDsa => {
            let x = URL_SAFE_NO_PAD.encode(pair.public_key_raw());
            let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x });
            (EncodingKey::from_ed_der(&pair.serialize_der()), jwk, written)
        }
    }
}

#[tokio::test]
async fn each_proves_its_tokens_where_it_is_configured_and_nowhere_else() {
    for algorithm in SigningAlgorithm::ALL {
        let (key, jwk, written) = key_for(algorithm);
        let provider = Provider::new(&[]).await;
        provider.serve(ResponseTemplate::new(200).set_body_json(json!({ "keys": [jwk] }))).await;
        let header = Header { kid: Some("k".to_owned()), ..Header::new(written) };
        let token = jsonwebtoken::encode(&header, &usual(json!({})), &key).unwrap();
        let others = SigningAlgorithm::ALL.into_iter().filter(|other| *other != algorithm).collect();
        for (algorithms, want) in [(SigningAlgorithm::ALL.to_vec(), "ok"), (others, "algorithm_refused")] {
            let jwt = Some(JwtOptions { algorithms, ..provider.options() });
            let world = World::with_options(GatewayOptions { jwt, ..GatewayOptions::default() }).await;
            let acme = world.tenant("acme").await;
            world.join(&acme.id, "ann", Role::Member).await;
            assert_eq!(world.with_token(&token, None, Operation::Search).await, want, "{algorithm}");
        }
    }
}
