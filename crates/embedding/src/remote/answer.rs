//! What an endpoint's answer must be before it is believed.

use serde::Deserialize;

use crate::error::AnswerFlaw;
use crate::unit::normalise;

/// Longest error code that is passed on; real ones are words such as `model_not_found`.
const ERROR_CODE_BYTES_MAX: usize = 64;

#[derive(Deserialize)]
struct Answer {
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    /// Some servers leave it out and answer in order.
    index: Option<usize>,
    /// Read with all their digits: a number too large for the vector must be told as that.
    #[serde(deserialize_with = "narrowed")]
    embedding: Vec<f32>,
}

fn narrowed<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<f32>, D::Error> {
    Ok(Vec::<f64>::deserialize(from)?.into_iter().map(|number| number as f32).collect())
}

#[derive(Deserialize)]
struct Refusal {
    error: RefusalDetail,
}

#[derive(Deserialize)]
struct RefusalDetail {
    code: Option<serde_json::Value>,
    r#type: Option<serde_json::Value>,
}

/// The unit vectors of `texts` texts, in the order of the request; all have `dimensions` numbers if that is
/// known, else as many as the first.
///
/// # Errors
/// The first [`AnswerFlaw`] found.
pub(crate) fn vectors(
    body: &[u8],
    texts: usize,
    dimensions: Option<usize>,
) -> Result<Vec<Vec<f32>>, AnswerFlaw> {
    let rows = serde_json::from_slice::<Answer>(body).map_err(|_| AnswerFlaw::NotTheShape)?.data;
    if rows.len() != texts {
        return Err(AnswerFlaw::Count { expected: texts, got: rows.len() });
    }
    let expected = dimensions.or(rows.first().map(|row| row.embedding.len())).unwrap_or_default();
    let mut vectors = vec![Vec::new(); texts];
    for (position, mut row) in rows.into_iter().enumerate() {
        let got = row.embedding.len();
        if got != expected || got == 0 {
            return Err(AnswerFlaw::Dimensions { expected, got });
        }
        if !row.embedding.iter().all(|x| x.is_finite()) {
            return Err(AnswerFlaw::NotFinite);
        }
        let slot = vectors.get_mut(row.index.unwrap_or(position)).ok_or(AnswerFlaw::Indexes)?;
        if !slot.is_empty() {
            return Err(AnswerFlaw::Indexes);
        }
        normalise(&mut row.embedding);
        *slot = row.embedding;
    }
    Ok(vectors)
}

/// The machine-readable code in an error body. Its message is left alone: many servers repeat the input in it.
pub(crate) fn error_code(body: &[u8]) -> Option<String> {
    let error = serde_json::from_slice::<Refusal>(body).ok()?.error;
    [error.code, error.r#type].into_iter().flatten().find_map(|word| {
        let word = word.as_str()?;
        let is_code = (1..=ERROR_CODE_BYTES_MAX).contains(&word.len())
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        is_code.then(|| word.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        body: &str,
        texts: usize,
        dimensions: Option<usize>,
        expected: Result<Vec<Vec<f32>>, AnswerFlaw>,
    ) {
        assert_eq!(vectors(body.as_bytes(), texts, dimensions), expected, "{body}");
    }

    #[test]
    fn vectors_come_in_the_order_of_the_request() {
        let swapped = r#"{"data":[{"index":1,"embedding":[0,2]},{"index":0,"embedding":[3,0]}],"model":"m"}"#;
        check(swapped, 2, None, Ok(vec![vec![1.0, 0.0], vec![0.0, 1.0]]));
        let unnumbered = r#"{"data":[{"embedding":[0,2]},{"embedding":[3,0]}]}"#;
        check(unnumbered, 2, Some(2), Ok(vec![vec![0.0, 1.0], vec![1.0, 0.0]]));
    }

    #[test]
    fn what_cannot_be_believed_is_refused() {
        let one = r#"{"data":[{"index":0,"embedding":[1,2]}]}"#;
        check(one, 2, None, Err(AnswerFlaw::Count { expected: 2, got: 1 }));
        check(one, 1, Some(3), Err(AnswerFlaw::Dimensions { expected: 3, got: 2 }));
        let uneven = r#"{"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":[1]}]}"#;
        check(uneven, 2, None, Err(AnswerFlaw::Dimensions { expected: 2, got: 1 }));
        let empty = r#"{"data":[{"index":0,"embedding":[]}]}"#;
        check(empty, 1, None, Err(AnswerFlaw::Dimensions { expected: 0, got: 0 }));
        let twice = r#"{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}"#;
        check(twice, 2, None, Err(AnswerFlaw::Indexes));
        check(r#"{"data":[{"index":7,"embedding":[1]}]}"#, 1, None, Err(AnswerFlaw::Indexes));
        check(r#"{"data":[{"index":0,"embedding":[1e300]}]}"#, 1, None, Err(AnswerFlaw::NotFinite));
        for body in [
            r#"{"data":[{"index":0,"embedding":[NaN]}]}"#,
            r#"{"data":[{"embedding":[null]}]}"#,
            "",
            "[]",
            "\0",
        ] {
            check(body, 1, None, Err(AnswerFlaw::NotTheShape));
        }
    }

    #[test]
    fn only_codes_are_taken_from_error_bodies() {
        let code = |body: &str| error_code(body.as_bytes());
        assert_eq!(
            code(r#"{"error":{"code":"model_not_found","message":"x"}}"#).as_deref(),
            Some("model_not_found")
        );
        assert_eq!(
            code(r#"{"error":{"code":null,"type":"invalid_request"}}"#).as_deref(),
            Some("invalid_request")
        );
        assert_eq!(code(r#"{"error":{"code":"my secret diary"}}"#), None);
        assert_eq!(code(r#"{"error":"my secret diary"}"#), None);
        assert_eq!(code(r#"{"detail":[{"input":"my secret diary"}]}"#), None);
    }
}
