//! What a model's folder says about itself: the files that sentence-transformers writes beside the weights.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::encoder::Activation;
use super::flaw::ModelFlaw;
use crate::vocabulary::Vocabulary;
use crate::wordpiece::{Accents, Case, WordPiece};

/// Larger than the largest encoder in use, and small enough to multiply safely.
const WIDTH_MAX: usize = 8_192;
const HIDDEN_MAX: usize = 65_536;
const LAYERS_MAX: usize = 200;
const POSITIONS_MAX: usize = 65_536;

/// How the states of a text's pieces become its vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooling {
    Mean,
    /// The state of `[CLS]`.
    First,
    Max,
}

/// The shape of the encoder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    pub(super) width: usize,
    pub(super) heads: usize,
    pub(super) hidden: usize,
    pub(super) layers: usize,
    pub(super) positions: usize,
    pub(super) pieces: usize,
    pub(super) token_types: usize,
    pub(super) epsilon: f32,
    pub(super) activation: Activation,
}

/// What is written before a text, by what the text is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Prompts {
    pub(super) query: String,
    pub(super) text: String,
}

/// Everything but the weights.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) shape: Shape,
    pub(super) pooling: Pooling,
    pub(super) prompts: Prompts,
    /// Pieces the model reads at once, `[CLS]` and `[SEP]` included.
    pub(super) pieces_at_once: usize,
    pub(super) wordpiece: WordPiece,
    /// All that was read, for the model's revision.
    pub(super) said: blake3::Hasher,
}

impl Folder {
    pub(super) fn read(path: &Path) -> Result<Self, ModelFlaw> {
        let mut files = Files { path, said: blake3::Hasher::new() };
        let shape = shape(files.needed("config.json")?)?;
        let modules: Option<Vec<Module>> = files.parsed("modules.json")?;
        let pooling_folder = pooling_folder(modules.as_deref().unwrap_or_default())?;
        let pooling_file = format!("{pooling_folder}/config.json");
        let pooling: Option<PoolingFile> = files.parsed(&pooling_file)?;
        if pooling.is_none() && modules.iter().flatten().any(|module| module.kind.ends_with(".Pooling")) {
            return Err(ModelFlaw::Missing { file: pooling_file });
        }
        let sentence: Option<SentenceFile> = files.parsed("sentence_bert_config.json")?;
        let prompts: Option<PromptsFile> = files.parsed("config_sentence_transformers.json")?;
        let wordpiece = wordpiece(&mut files)?;
        let known = wordpiece.vocabulary().len();
        if known > shape.pieces {
            return Err(ModelFlaw::NotAPair { pieces: known, rows: shape.pieces });
        }
        let longest = sentence.and_then(|file| file.max_seq_length).unwrap_or(shape.positions);
        if longest < 3 {
            return Err(ModelFlaw::config("max_seq_length", format!("is {longest}: no text fits")));
        }
        Ok(Self {
            shape,
            pooling: pooling.map_or(Ok(Pooling::Mean), |file| file.pooling(shape.width))?,
            prompts: prompts.map(|file| file.prompts.chosen()).unwrap_or_default(),
            pieces_at_once: longest.min(shape.positions),
            wordpiece,
            said: files.said,
        })
    }
}

/// The files of a folder; each that is read goes into the revision.
struct Files<'a> {
    path: &'a Path,
    said: blake3::Hasher,
}

impl Files<'_> {
    fn text(&mut self, name: &str) -> Result<Option<String>, ModelFlaw> {
        let path = self.path.join(name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ModelFlaw::Unreadable { file: name.to_owned(), error }),
        };
        self.said.update(name.as_bytes()).update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        Ok(Some(text))
    }

    fn parsed<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, ModelFlaw> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let parsed = serde_json::from_str(&text);
        parsed
            .map(Some)
            .map_err(|error| ModelFlaw::NotTheShape { file: name.to_owned(), error: error.to_string() })
    }

    fn needed<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, ModelFlaw> {
        self.parsed(name)?.ok_or_else(|| ModelFlaw::Missing { file: name.to_owned() })
    }
}

/// `config.json`.
#[derive(Debug, Deserialize)]
struct ConfigFile {
    model_type: String,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    vocab_size: usize,
    #[serde(default = "two")]
    type_vocab_size: usize,
    #[serde(default = "usual_epsilon")]
    layer_norm_eps: f32,
    #[serde(default = "usual_activation")]
    hidden_act: String,
    position_embedding_type: Option<String>,
}

fn two() -> usize {
    2
}

fn usual_epsilon() -> f32 {
    1e-12
}

fn usual_activation() -> String {
    "gelu".to_owned()
}

fn shape(file: ConfigFile) -> Result<Shape, ModelFlaw> {
    if file.model_type != "bert" {
        return Err(ModelFlaw::config("model_type", format!("is {:?}; only bert is read", file.model_type)));
    }
    if let Some(kind) = file.position_embedding_type.filter(|kind| kind != "absolute") {
        return Err(ModelFlaw::config(
            "position_embedding_type",
            format!("is {kind:?}; only absolute is read"),
        ));
    }
    for (name, number, largest) in [
        ("hidden_size", file.hidden_size, WIDTH_MAX),
        ("intermediate_size", file.intermediate_size, HIDDEN_MAX),
        ("num_hidden_layers", file.num_hidden_layers, LAYERS_MAX),
        ("num_attention_heads", file.num_attention_heads, file.hidden_size.max(1)),
        ("max_position_embeddings", file.max_position_embeddings, POSITIONS_MAX),
        ("type_vocab_size", file.type_vocab_size, POSITIONS_MAX),
    ] {
        if number == 0 || number > largest {
            return Err(ModelFlaw::config(name, format!("is {number}, allowed are 1 to {largest}")));
        }
    }
    if !file.hidden_size.is_multiple_of(file.num_attention_heads) {
        let (width, heads) = (file.hidden_size, file.num_attention_heads);
        return Err(ModelFlaw::config("num_attention_heads", format!("{heads} do not divide {width}")));
    }
    if !(file.layer_norm_eps.is_finite() && file.layer_norm_eps > 0.0) {
        return Err(ModelFlaw::config("layer_norm_eps", format!("is {}", file.layer_norm_eps)));
    }
    let activation = match file.hidden_act.as_str() {
        "gelu" => Activation::Gelu,
        "gelu_new" | "gelu_pytorch_tanh" => Activation::GeluByTanh,
        "relu" => Activation::Relu,
        other => {
            return Err(ModelFlaw::config(
                "hidden_act",
                format!("is {other:?}; only gelu, gelu_new and relu are read"),
            ));
        }
    };
    Ok(Shape {
        width: file.hidden_size,
        heads: file.num_attention_heads,
        hidden: file.intermediate_size,
        layers: file.num_hidden_layers,
        positions: file.max_position_embeddings,
        pieces: file.vocab_size,
        token_types: file.type_vocab_size,
        epsilon: file.layer_norm_eps,
        activation,
    })
}

/// One of `modules.json`.
#[derive(Debug, Deserialize)]
struct Module {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    path: String,
}

/// Where the pooling is described; anything after it but `Normalize` would change the vectors unseen.
fn pooling_folder(modules: &[Module]) -> Result<&str, ModelFlaw> {
    let mut folder = "1_Pooling";
    for module in modules {
        match module.kind.rsplit('.').next().unwrap_or_default() {
            "Transformer" if module.path.is_empty() => {}
            "Pooling" if is_plain_name(&module.path) => folder = &module.path,
            "Normalize" => {}
            other => return Err(ModelFlaw::Module { kind: other.to_owned() }),
        }
    }
    Ok(folder)
}

fn is_plain_name(path: &str) -> bool {
    !path.is_empty() && path.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// `1_Pooling/config.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PoolingFile {
    word_embedding_dimension: Option<usize>,
    pooling_mode_cls_token: bool,
    pooling_mode_mean_tokens: bool,
    pooling_mode_max_tokens: bool,
    pooling_mode_mean_sqrt_len_tokens: bool,
    pooling_mode_weightedmean_tokens: bool,
    pooling_mode_lasttoken: bool,
}

impl PoolingFile {
    fn pooling(&self, width: usize) -> Result<Pooling, ModelFlaw> {
        if let Some(pooled) = self.word_embedding_dimension.filter(|pooled| *pooled != width) {
            return Err(ModelFlaw::Width { pooled, width });
        }
        let unread = self.pooling_mode_mean_sqrt_len_tokens
            || self.pooling_mode_weightedmean_tokens
            || self.pooling_mode_lasttoken;
        match (
            self.pooling_mode_mean_tokens,
            self.pooling_mode_cls_token,
            self.pooling_mode_max_tokens,
            unread,
        ) {
            (true, false, false, false) => Ok(Pooling::Mean),
            (false, true, false, false) => Ok(Pooling::First),
            (false, false, true, false) => Ok(Pooling::Max),
            _ => Err(ModelFlaw::Pooling),
        }
    }
}

/// `sentence_bert_config.json`.
#[derive(Debug, Deserialize)]
struct SentenceFile {
    max_seq_length: Option<usize>,
}

/// `config_sentence_transformers.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PromptsFile {
    prompts: PromptsByName,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PromptsByName {
    query: Option<String>,
    document: Option<String>,
    passage: Option<String>,
}

impl PromptsByName {
    fn chosen(self) -> Prompts {
        Prompts {
            query: self.query.unwrap_or_default(),
            text: self.document.or(self.passage).unwrap_or_default(),
        }
    }
}

/// `tokenizer_config.json`, as far as it says how letters are folded.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TokenizerConfig {
    do_lower_case: Option<bool>,
    strip_accents: Option<bool>,
}

/// `tokenizer.json`, as far as it concerns a WordPiece model.
#[derive(Debug, Deserialize)]
struct TokenizerFile {
    model: TokenizerModel,
    normalizer: Option<Normalizer>,
}

#[derive(Debug, Deserialize)]
struct TokenizerModel {
    #[serde(rename = "type")]
    kind: Option<String>,
    continuing_subword_prefix: Option<String>,
    /// A map for WordPiece, a list for others.
    vocab: Value,
}

#[derive(Debug, Deserialize)]
struct Normalizer {
    #[serde(rename = "type")]
    kind: String,
    lowercase: Option<bool>,
    strip_accents: Option<bool>,
}

/// The tokenizer: `tokenizer.json` if it is there, as in sentence-transformers, else `vocab.txt`.
fn wordpiece(files: &mut Files<'_>) -> Result<WordPiece, ModelFlaw> {
    let config: TokenizerConfig = files.parsed("tokenizer_config.json")?.unwrap_or_default();
    let (mut lower, mut strip) = (config.do_lower_case, config.strip_accents);
    let file: Option<TokenizerFile> = files.parsed("tokenizer.json")?;
    let lines = match file {
        Some(file) => {
            if let Some(normalizer) = file.normalizer.filter(|normalizer| normalizer.kind == "BertNormalizer")
            {
                (lower, strip) = (normalizer.lowercase.or(lower), normalizer.strip_accents.or(strip));
            }
            lines_of(&file.model)?
        }
        None => {
            files.text("vocab.txt")?.ok_or_else(|| ModelFlaw::Missing { file: "vocab.txt".to_owned() })?
        }
    };
    let vocabulary = Vocabulary::new(lines).map_err(ModelFlaw::Vocabulary)?;
    for special in ["[CLS]", "[SEP]"] {
        if vocabulary.whole(special).is_none() {
            return Err(ModelFlaw::tokenizer(format!("has no {special}")));
        }
    }
    let case = if lower.unwrap_or(true) { Case::Lower } else { Case::Kept };
    // Left open, accents go where capitals go.
    let accents = if strip.unwrap_or(case == Case::Lower) { Accents::Stripped } else { Accents::Kept };
    Ok(WordPiece::new(vocabulary).folding(case, accents))
}

/// A `vocab.txt` of the map in a `tokenizer.json`.
fn lines_of(model: &TokenizerModel) -> Result<String, ModelFlaw> {
    let kind = model.kind.as_deref().unwrap_or("WordPiece");
    let Some(numbers) = model.vocab.as_object().filter(|_| kind == "WordPiece") else {
        return Err(ModelFlaw::tokenizer(format!("is of the kind {kind}; only WordPiece is read")));
    };
    if model.continuing_subword_prefix.as_deref().is_some_and(|prefix| prefix != "##") {
        return Err(ModelFlaw::tokenizer("marks continuations by something else than ##"));
    }
    let mut lines: Vec<Option<&str>> = vec![None; numbers.len()];
    for (piece, number) in numbers {
        let place = number.as_u64().and_then(|number| lines.get_mut(usize::try_from(number).ok()?));
        match place {
            Some(place) if !piece.contains(['\n', '\r']) => *place = Some(piece),
            Some(_) | None => {
                return Err(ModelFlaw::tokenizer(format!("gives {piece:?} the number {number}")));
            }
        }
    }
    let lines: Option<Vec<&str>> = lines.into_iter().collect();
    let lines = lines.ok_or_else(|| ModelFlaw::tokenizer("gives one number to two pieces"))?;
    Ok(lines.join("\n") + "\n")
}
