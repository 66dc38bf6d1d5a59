//! Where vectors come from: the model in the binary, a static model in files, or an OpenAI-compatible endpoint.

use std::path::PathBuf;
use std::time::Duration;

use ::embedding::{ApiKey, EmbeddingConfig, RemoteConfig};

use super::secret::without_password;
use super::setting::{Setting, filled, in_ms, milliseconds, number, path_text, spelled, word};

/// Most dimensions any known model has, with room.
const DIMENSIONS_MAX: usize = 16_384;

/// Which provider makes the vectors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EmbeddingProvider {
    /// A static table: the one in the binary, or one in files.
    #[default]
    Static,
    /// An OpenAI-compatible endpoint.
    OpenAi,
}

/// Where vectors come from.
#[derive(Debug, Clone, Default)]
pub struct EmbeddingSettings {
    /// Which provider.
    pub provider: EmbeddingProvider,
    /// Base URL of the endpoint.
    pub url: Option<String>,
    /// Model name.
    pub model: Option<String>,
    /// The operator's word for the model's edition.
    pub revision: Option<String>,
    /// Sent to the endpoint as a bearer token.
    pub api_key: Option<ApiKey>,
    /// Dimensions to ask for.
    pub dimensions: Option<usize>,
    /// The longest one request to the endpoint may take.
    pub timeout: Option<Duration>,
    /// The longest a search waits for its query's vector.
    pub query_timeout: Option<Duration>,
    /// Proxy for the endpoint.
    pub proxy: Option<String>,
    /// Table of a static model in files.
    pub table: Option<PathBuf>,
    /// Vocabulary of a static model in files.
    pub vocabulary: Option<PathBuf>,
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        "embedding.provider",
        "static (built in) or openai (any compatible endpoint) (static)",
        |config, text| {
            config.embedding.provider = word(text, &PROVIDERS)?;
            Ok(())
        },
        |config| spelled(config.embedding.provider, &PROVIDERS),
    ),
    Setting::new(
        "embedding.url",
        "base URL of the endpoint, such as http://localhost:11434",
        |config, text| {
            config.embedding.url = Some(filled(text)?);
            Ok(())
        },
        |config| config.embedding.url.as_deref().map(without_password),
    ),
    Setting::new(
        "embedding.model",
        "model name at the endpoint, or of the table in files",
        |config, text| {
            config.embedding.model = Some(filled(text)?);
            Ok(())
        },
        |config| config.embedding.model.clone(),
    ),
    Setting::new(
        "embedding.revision",
        "your word for the model's edition; a new one re-embeds (1)",
        |config, text| {
            config.embedding.revision = Some(filled(text)?);
            Ok(())
        },
        |config| config.embedding.revision.clone(),
    ),
    Setting::new(
        "embedding.api_key",
        "bearer token for the endpoint; better as a variable",
        |config, text| {
            config.embedding.api_key = Some(ApiKey::new(filled(text)?));
            Ok(())
        },
        |config| config.embedding.api_key.as_ref().map(|_| "(set)".to_owned()),
    ),
    Setting::new(
        "embedding.dimensions",
        "dimensions to ask the endpoint for (its own)",
        |config, text| {
            config.embedding.dimensions = Some(number(text, 1, DIMENSIONS_MAX)?);
            Ok(())
        },
        |config| config.embedding.dimensions.map(|number| number.to_string()),
    ),
    Setting::new(
        "embedding.timeout_ms",
        "longest request to the endpoint (15000)",
        |config, text| {
            config.embedding.timeout = Some(milliseconds(text)?);
            Ok(())
        },
        |config| config.embedding.timeout.and_then(in_ms),
    ),
    Setting::new(
        "embedding.query_timeout_ms",
        "longest wait of a search for its vector (3000)",
        |config, text| {
            config.embedding.query_timeout = Some(milliseconds(text)?);
            Ok(())
        },
        |config| config.embedding.query_timeout.and_then(in_ms),
    ),
    Setting::new(
        "embedding.proxy",
        "HTTP proxy for the endpoint (none)",
        |config, text| {
            config.embedding.proxy = Some(filled(text)?);
            Ok(())
        },
        |config| config.embedding.proxy.as_deref().map(without_password),
    ),
    Setting::new(
        "embedding.table",
        "file of a static model of your own",
        |config, text| {
            config.embedding.table = Some(PathBuf::from(filled(text)?));
            Ok(())
        },
        |config| config.embedding.table.as_deref().map(path_text),
    ),
    Setting::new(
        "embedding.vocabulary",
        "vocabulary of a static model of your own",
        |config, text| {
            config.embedding.vocabulary = Some(PathBuf::from(filled(text)?));
            Ok(())
        },
        |config| config.embedding.vocabulary.as_deref().map(path_text),
    ),
];

const PROVIDERS: [(&str, EmbeddingProvider); 2] =
    [("static", EmbeddingProvider::Static), ("openai", EmbeddingProvider::OpenAi)];

impl EmbeddingSettings {
    /// What the embedding crate needs, or what is missing for it.
    ///
    /// # Errors
    /// A sentence that names the missing setting.
    pub fn to_provider(&self) -> Result<EmbeddingConfig, String> {
        match self.provider {
            EmbeddingProvider::Static => match (&self.table, &self.vocabulary) {
                (None, None) => Ok(EmbeddingConfig::BuiltIn),
                (Some(table), Some(vocabulary)) => Ok(EmbeddingConfig::StaticFiles {
                    name: self.model.clone().unwrap_or_else(|| "static".to_owned()),
                    table: table.clone(),
                    vocabulary: vocabulary.clone(),
                }),
                (Some(_), None) => Err("embedding.table needs embedding.vocabulary beside it".into()),
                (None, Some(_)) => Err("embedding.vocabulary needs embedding.table beside it".into()),
            },
            EmbeddingProvider::OpenAi => {
                let url = self.url.as_deref().ok_or("embedding.provider = openai needs embedding.url")?;
                let model =
                    self.model.as_deref().ok_or("embedding.provider = openai needs embedding.model")?;
                let usual = RemoteConfig::new(url, model);
                Ok(EmbeddingConfig::Remote(RemoteConfig {
                    revision: self.revision.clone().unwrap_or_else(|| usual.revision.clone()),
                    api_key: self.api_key.clone(),
                    dimensions: self.dimensions,
                    proxy: self.proxy.clone(),
                    request_timeout: self.timeout.unwrap_or(usual.request_timeout),
                    query_deadline: self.query_timeout.unwrap_or(usual.query_deadline),
                    ..usual
                }))
            }
        }
    }
}
