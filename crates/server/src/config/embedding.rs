//! Where vectors come from: the model in the binary, a static model in files, a transformer run here, or an
//! OpenAI-compatible endpoint.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ::embedding::{ApiKey, EmbeddingConfig, HUB_URL, HubModel, LocalConfig, RemoteConfig};

use super::secret::without_password;
use super::setting::{Setting, filled, in_ms, milliseconds, number, path_text, spelled, word};

/// Most dimensions any known model has, with room.
const DIMENSIONS_MAX: usize = 16_384;

/// More threads than any machine has cores would only wait for each other.
const THREADS_MAX: usize = 256;

/// Which provider makes the vectors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EmbeddingProvider {
    /// A static table: the one in the binary, or one in files.
    #[default]
    Static,
    /// A BERT-family sentence encoder, run here.
    Local,
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
    /// Model name; of a local one, its folder or its name on the hub.
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
    /// Where models brought from a hub are kept.
    pub cache: Option<PathBuf>,
    /// The hub.
    pub hub_url: Option<String>,
    /// Threads that run a local model at once.
    pub threads: Option<usize>,
    /// A second, local model for searches that ask for its opinion: its folder or its name on the hub.
    pub rerank_model: Option<String>,
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        "embedding.provider",
        "static (built in), local (a transformer run here) or openai (any compatible endpoint) (static)",
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
        "model name at the endpoint or of the table in files; of a local one its folder, or org/name on the hub",
        |config, text| {
            config.embedding.model = Some(filled(text)?);
            Ok(())
        },
        |config| config.embedding.model.clone(),
    ),
    Setting::new(
        "embedding.revision",
        "your word for the model's edition; a new one re-embeds (1). On the hub: branch, tag or commit (main)",
        |config, text| {
            config.embedding.revision = Some(filled(text)?);
            Ok(())
        },
        |config| config.embedding.revision.clone(),
    ),
    Setting::new(
        "embedding.api_key",
        "bearer token for the endpoint or the hub; better as a variable",
        |config, text| {
            config.embedding.api_key = Some(ApiKey::new(filled(text)?));
            Ok(())
        },
        |config| config.embedding.api_key.as_ref().map(|_| "(set)".to_owned()),
    ),
    Setting::new(
        "embedding.dimensions",
        "dimensions to ask the endpoint for, or that a local model must have (its own)",
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
        "HTTP proxy for the endpoint or the hub (none)",
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
    Setting::new(
        "embedding.cache",
        "folder for models brought from the hub",
        |config, text| {
            config.embedding.cache = Some(PathBuf::from(filled(text)?));
            Ok(())
        },
        |config| config.embedding.cache.as_deref().map(path_text),
    ),
    Setting::new(
        "embedding.hub_url",
        "the hub or a mirror of it (https://huggingface.co)",
        |config, text| {
            config.embedding.hub_url = Some(filled(text)?);
            Ok(())
        },
        |config| config.embedding.hub_url.as_deref().map(without_password),
    ),
    Setting::new(
        "embedding.threads",
        "threads that run a local model at once (half of the cores, at most 4)",
        |config, text| {
            config.embedding.threads = Some(number(text, 1, THREADS_MAX)?);
            Ok(())
        },
        |config| config.embedding.threads.map(|threads| threads.to_string()),
    ),
    Setting::new(
        "embedding.rerank_model",
        "a local model for searches with rerank: a folder, org/name or org/name@revision on the hub (none)",
        |config, text| {
            config.embedding.rerank_model = Some(filled(text)?);
            Ok(())
        },
        |config| config.embedding.rerank_model.clone(),
    ),
];

const PROVIDERS: [(&str, EmbeddingProvider); 3] = [
    ("static", EmbeddingProvider::Static),
    ("local", EmbeddingProvider::Local),
    ("openai", EmbeddingProvider::OpenAi),
];

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
            EmbeddingProvider::Local => self.to_local().map(EmbeddingConfig::Local),
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

    /// What the reranker needs; `None` when none is wished for.
    ///
    /// # Errors
    /// A sentence that names the missing setting.
    pub fn to_reranker(&self) -> Result<Option<LocalConfig>, String> {
        let Some(model) = self.rerank_model.as_deref() else { return Ok(None) };
        let (name, revision) = match model.rsplit_once('@') {
            Some((name, revision)) if HubModel::is_name(name) && !Path::new(model).is_dir() => {
                (name, Some(revision))
            }
            Some(_) | None => (model, None),
        };
        let config = self.model_here("embedding.rerank_model", name, revision)?;
        Ok(Some(LocalConfig { threads: self.threads.unwrap_or(config.threads), ..config }))
    }

    fn to_local(&self) -> Result<LocalConfig, String> {
        let model = self.model.as_deref().ok_or(
            "embedding.provider = local needs embedding.model, the folder of a sentence-transformers model or its \
             name on the hub (org/name)",
        )?;
        let usual = self.model_here("embedding.model", model, self.revision.as_deref())?;
        Ok(LocalConfig {
            dimensions: self.dimensions,
            threads: self.threads.unwrap_or(usual.threads),
            query_deadline: self.query_timeout.unwrap_or(usual.query_deadline),
            ..usual
        })
    }

    /// The model in a folder or on the hub; `setting` is what names it.
    fn model_here(&self, setting: &str, model: &str, revision: Option<&str>) -> Result<LocalConfig, String> {
        match &self.cache {
            // A folder of that name here is what is meant.
            Some(cache) if HubModel::is_name(model) && !Path::new(model).is_dir() => {
                Ok(LocalConfig::from_hub(HubModel {
                    name: model.to_owned(),
                    revision: revision.unwrap_or("main").to_owned(),
                    url: self.hub_url.clone().unwrap_or_else(|| HUB_URL.to_owned()),
                    cache: cache.clone(),
                    token: self.api_key.clone(),
                    proxy: self.proxy.clone(),
                }))
            }
            None if HubModel::is_name(model) && !Path::new(model).is_dir() => Err(format!(
                "{setting} = {model} is a name on the hub and needs embedding.cache, a folder for what is brought"
            )),
            Some(_) | None => {
                let folder = Path::new(model);
                let name = folder.file_name().map_or(model.into(), |name| name.to_string_lossy());
                Ok(LocalConfig::new(name, folder))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(model: Option<&str>, cache: Option<&str>) -> Result<LocalConfig, String> {
        let settings = EmbeddingSettings {
            provider: EmbeddingProvider::Local,
            model: model.map(str::to_owned),
            cache: cache.map(PathBuf::from),
            ..EmbeddingSettings::default()
        };
        match settings.to_provider()? {
            EmbeddingConfig::Local(local) => Ok(local),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_local_model_is_a_folder_or_a_name_on_the_hub() {
        for (model, cache, folder, is_from_hub) in [
            ("/models/minilm", None, "/models/minilm", false),
            ("./minilm", Some("/cache"), "./minilm", false),
            ("org/minilm", Some("/cache"), "/cache/org--minilm/main", true),
        ] {
            let config = local(Some(model), cache).unwrap();
            assert_eq!(
                (config.folder, config.hub.is_some()),
                (PathBuf::from(folder), is_from_hub),
                "{model}"
            );
            assert!(config.name.ends_with("minilm"), "{}", config.name);
        }
        assert!(local(None, None).unwrap_err().contains("needs embedding.model"));
        assert!(local(Some("org/minilm"), None).unwrap_err().contains("needs embedding.cache"));
    }

    #[test]
    fn a_reranker_is_a_folder_or_a_name_on_the_hub_with_its_revision() {
        let folder = |model: &str, cache: Option<&str>| {
            let settings = EmbeddingSettings {
                rerank_model: Some(model.to_owned()),
                cache: cache.map(PathBuf::from),
                revision: Some("of the other model".to_owned()),
                ..EmbeddingSettings::default()
            };
            settings.to_reranker().map(|config| config.unwrap().folder)
        };
        for (model, cache, want) in [
            ("/models/mini@lm", None, "/models/mini@lm"),
            ("org/minilm", Some("/cache"), "/cache/org--minilm/main"),
            ("org/minilm@v2", Some("/cache"), "/cache/org--minilm/v2"),
        ] {
            assert_eq!(folder(model, cache).unwrap(), PathBuf::from(want), "{model}");
        }
        assert!(folder("org/minilm", None).unwrap_err().contains("embedding.rerank_model"));
        assert!(EmbeddingSettings::default().to_reranker().unwrap().is_none());
    }
}
