//! What a caller may choose; plain values, read from nowhere.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::OpenError;
use crate::hub::HubModel;

/// Where vectors come from.
#[derive(Debug, Clone, Default)]
pub enum EmbeddingConfig {
    /// The model inside the binary.
    #[default]
    BuiltIn,
    /// A static model of the operator's own, made with `tools/distill`.
    StaticFiles {
        /// Its name, stored with each vector.
        name: String,
        /// The table, in the `STATEMB1` format.
        table: PathBuf,
        /// The `vocab.txt` the table's rows follow.
        vocabulary: PathBuf,
    },
    /// A transformer in a folder, run here.
    Local(LocalConfig),
    /// An OpenAI-compatible endpoint.
    Remote(RemoteConfig),
}

impl EmbeddingConfig {
    /// Brings what is not on this machine yet; [`Embedding::open`](crate::Embedding::open) is for after that.
    ///
    /// # Errors
    /// [`OpenError::Hub`].
    pub async fn fetch(&self) -> Result<(), OpenError> {
        match self {
            Self::Local(local) => local.fetch().await,
            Self::BuiltIn | Self::StaticFiles { .. } | Self::Remote(_) => Ok(()),
        }
    }
}

/// How to run a BERT-family sentence encoder.
#[derive(Debug, Clone)]
pub struct LocalConfig {
    /// Its name, stored with each vector.
    pub name: String,
    /// Where sentence-transformers put it.
    pub folder: PathBuf,
    /// Where it comes from if the folder is not there yet.
    pub hub: Option<HubModel>,
    /// The dimensions its vectors must have; any when `None`.
    pub dimensions: Option<usize>,
    /// Threads that run it at once; at least one.
    pub threads: usize,
    /// The longest that embedding texts to be stored may take, per 96 texts.
    pub deadline: Duration,
    /// The longest that embedding a search's query may take.
    pub query_deadline: Duration,
}

impl LocalConfig {
    /// Brings the model if it comes from a hub and is not here yet.
    ///
    /// # Errors
    /// [`OpenError::Hub`].
    pub async fn fetch(&self) -> Result<(), OpenError> {
        match &self.hub {
            Some(hub) => Ok(hub.fetch().await?),
            None => Ok(()),
        }
    }

    /// The usual settings for a model on a hub.
    pub fn from_hub(hub: HubModel) -> Self {
        Self { hub: Some(hub.clone()), ..Self::new(hub.name.clone(), hub.folder()) }
    }

    /// The usual settings for the model `name` in `folder`.
    pub fn new(name: impl Into<String>, folder: impl Into<PathBuf>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            name: name.into(),
            folder: folder.into(),
            hub: None,
            dimensions: None,
            // The other half is for everything else; more than four only evict each other's weights.
            threads: (cores / 2).clamp(1, 4),
            deadline: Duration::from_secs(60),
            query_deadline: Duration::from_secs(3),
        }
    }
}

/// How to use an OpenAI-compatible `/v1/embeddings` endpoint (OpenAI, Ollama, vLLM, TEI, ...).
#[derive(Debug, Clone)]
pub struct RemoteConfig {
    /// Such as `http://localhost:11434`, `https://api.openai.com/v1`, or a full URL that ends in `/embeddings`.
    pub base_url: String,
    /// The model's name as the endpoint knows it.
    pub model: String,
    /// The operator's word for the model's edition; changing it has everything embedded again.
    pub revision: String,
    /// Sent as `Authorization: Bearer`.
    pub api_key: Option<ApiKey>,
    /// Dimensions to ask for, if the model can shorten its vectors; learnt from the first answer when `None`.
    pub dimensions: Option<usize>,
    /// An HTTP proxy's URL; none is used when `None`, whatever the environment says.
    pub proxy: Option<String>,
    /// The longest that opening a connection may take.
    pub connect_timeout: Duration,
    /// The longest that one request may take, from connecting to the last byte.
    pub request_timeout: Duration,
    /// The longest that embedding texts to be stored may take, retries included, per 96 texts.
    pub deadline: Duration,
    /// The longest that embedding a search's query may take, retries included.
    pub query_deadline: Duration,
    /// Requests for the same texts before giving up; at least one.
    pub attempts_max: u32,
    /// How long an endpoint that is down is left alone before it is tried again; doubles up to a minute.
    pub cool_down: Duration,
    /// Characters of a text that are sent, from its start.
    pub text_chars_max: usize,
}

impl RemoteConfig {
    /// The usual settings for `model` at `base_url`.
    pub fn new(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            model: model.into(),
            revision: "1".to_owned(),
            api_key: None,
            dimensions: None,
            proxy: None,
            connect_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(15),
            deadline: Duration::from_secs(60),
            query_deadline: Duration::from_secs(3),
            attempts_max: 3,
            cool_down: Duration::from_secs(5),
            // The common limit is 8,192 tokens; a character is seldom more than one.
            text_chars_max: 8_000,
        }
    }
}

/// A secret that does not show itself.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// Keeps `key`.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The secret itself, for the header.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_configuration_keeps_its_secret() {
        let config =
            RemoteConfig { api_key: Some(ApiKey::new("sk-secret")), ..RemoteConfig::new("http://h", "m") };
        assert!(!format!("{config:?}").contains("sk-secret"));
    }
}
