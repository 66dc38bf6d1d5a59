//! Vectors as the store keeps them: unit length, eight bits a component, one scale each.

use std::sync::Arc;

/// Which model made a vector. Vectors of different models are never compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelIdentity {
    /// The model's name.
    pub name: Arc<str>,
    /// Its revision: a digest, a date, whatever tells two models of one name apart.
    pub revision: Arc<str>,
    /// Components of a vector.
    pub dimensions: usize,
}

/// A text's vector and the model that made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// The model.
    pub model: ModelIdentity,
    /// `model.dimensions` components; any length, it is normalised when stored.
    pub values: Vec<f32>,
}

/// An int8 vector: component = `scale * code`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quantized {
    pub(crate) scale: f32,
    pub(crate) codes: Vec<i8>,
}

impl Quantized {
    /// Quantizes the unit vector of `values`; the zero vector stays zero.
    pub(crate) fn of(values: &[f32]) -> Self {
        let norm = values.iter().map(|v| v * v).sum::<f32>().sqrt();
        let largest = values.iter().fold(0f32, |m, v| m.max(v.abs()));
        if !norm.is_finite() || norm <= f32::EPSILON {
            return Self { scale: 0.0, codes: vec![0; values.len()] };
        }
        let step = 127.0 / largest;
        let codes = values.iter().map(|v| (v * step).round() as i8).collect();
        Self { scale: largest / 127.0 / norm, codes }
    }

    /// The bytes of the table: scale (f32, little endian), then the codes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(4 + self.codes.len());
        bytes.extend_from_slice(&self.scale.to_le_bytes());
        bytes.extend(self.codes.iter().map(|c| c.cast_unsigned()));
        bytes
    }
}

/// Splits the bytes of the table into scale and codes; `None` when they are too short.
pub(crate) fn split_bytes(bytes: &[u8]) -> Option<(f32, &[u8])> {
    let (scale, codes) = bytes.split_first_chunk::<4>()?;
    Some((f32::from_le_bytes(*scale), codes))
}

/// Dot product of two int8 vectors of equal length, exact.
pub(crate) fn dot(a: &[i8], b: &[i8]) -> i32 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, which is all the function needs beyond its slices.
        return unsafe { dot_avx2(a, b) };
    }
    dot_portable(a, b)
}

fn dot_portable(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(x, y)| i32::from(*x) * i32::from(*y)).sum()
}

/// Sixteen components a step, widened to 16 bits (no saturation: 127 * 127 * 2 fits 32 bits).
///
/// # Safety
/// The processor must have AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn dot_avx2(a: &[i8], b: &[i8]) -> i32 {
    use std::arch::x86_64::{
        _mm_loadu_si128, _mm256_add_epi32, _mm256_cvtepi8_epi16, _mm256_madd_epi16, _mm256_setzero_si256,
        _mm256_storeu_si256,
    };
    let length = a.len().min(b.len());
    let whole = length - length % 32;
    let (mut even, mut odd) = (_mm256_setzero_si256(), _mm256_setzero_si256());
    let mut at = 0;
    while at < whole {
        // SAFETY: `at + 32 <= length`, so both loads of 16 bytes stay inside both slices.
        unsafe {
            let a0 = _mm256_cvtepi8_epi16(_mm_loadu_si128(a.as_ptr().add(at).cast()));
            let b0 = _mm256_cvtepi8_epi16(_mm_loadu_si128(b.as_ptr().add(at).cast()));
            let a1 = _mm256_cvtepi8_epi16(_mm_loadu_si128(a.as_ptr().add(at + 16).cast()));
            let b1 = _mm256_cvtepi8_epi16(_mm_loadu_si128(b.as_ptr().add(at + 16).cast()));
            even = _mm256_add_epi32(even, _mm256_madd_epi16(a0, b0));
            odd = _mm256_add_epi32(odd, _mm256_madd_epi16(a1, b1));
        }
        at += 32;
    }
    let mut lanes = [0i32; 8];
    // SAFETY: `lanes` holds exactly the 32 bytes that are stored.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), _mm256_add_epi32(even, odd)) };
    lanes.iter().sum::<i32>() + dot_portable(&a[whole..length], &b[whole..length])
}

/// Words that hold one bit a component.
pub(crate) fn sign_words(dimensions: usize) -> usize {
    dimensions.div_ceil(64)
}

/// The signs of a vector, one bit a component: which are negative.
pub(crate) fn signs(codes: &[i8]) -> impl Iterator<Item = u64> + '_ {
    codes
        .chunks(64)
        .map(|codes| codes.iter().enumerate().fold(0, |word, (at, code)| word | u64::from(*code < 0) << at))
}

/// The signs of a query's vector.
#[derive(Debug, Clone)]
pub(crate) struct Signs {
    words: Vec<u64>,
    dimensions: usize,
}

impl Signs {
    pub(crate) fn of(codes: &[i8]) -> Self {
        Self { words: signs(codes).collect(), dimensions: codes.len() }
    }

    pub(crate) fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// In how many components each row's sign differs; a row has [`sign_words`] words.
    pub(crate) fn differing(&self, rows: &[u64], out: &mut [u16]) {
        differing_signs(&self.words, rows, out);
    }

    /// The same for one row.
    pub(crate) fn differing_of(&self, row: &[u64]) -> u16 {
        row.iter().zip(&self.words).map(|(row, query)| (row ^ query).count_ones() as u16).sum()
    }
}

/// In how many components each row's sign differs from the query's; a row is as long as the query.
fn differing_signs(query: &[u64], rows: &[u64], out: &mut [u16]) {
    #[cfg(target_arch = "x86_64")]
    if let Ok(query) = <&[u64; 4]>::try_from(query)
        && std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512vpopcntdq")
        && std::arch::is_x86_feature_detected!("avx512vl")
    {
        let rows = rows.as_chunks::<4>().0;
        let length = rows.len().min(out.len());
        // SAFETY: the processor has the features, which is all the function needs.
        return unsafe { differing_signs_avx512(query, &rows[..length], &mut out[..length]) };
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("popcnt") && std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has both features, which is all the function needs.
        return unsafe { differing_signs_x86(query, rows, out) };
    }
    differing_signs_portable(query, rows, out);
}

/// How far ahead of the row at hand.
#[cfg(target_arch = "x86_64")]
const PREFETCHED_BYTES: usize = 2_048;

/// Asks for the first rows, which will be read soon.
pub(crate) fn fetch_ahead(rows: &[u64]) {
    #[cfg(target_arch = "x86_64")]
    for line in rows.chunks(8).take(PREFETCHED_BYTES / 64) {
        // SAFETY: every x86-64 processor has SSE; a prefetch reads nothing that the program sees.
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line.as_ptr().cast())
        };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = rows;
}

/// Four rows of 256 components a step.
///
/// # Safety
/// The processor must have AVX-512 VPOPCNTDQ and VL.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avx512f,avx512vl,avx512vpopcntdq")]
unsafe fn differing_signs_avx512(query: &[u64; 4], rows: &[[u64; 4]], out: &mut [u16]) {
    use std::arch::x86_64::{
        __m256i, _MM_HINT_T0, _mm_prefetch, _mm256_add_epi64, _mm256_loadu_si256, _mm256_permute2x128_si256,
        _mm256_popcnt_epi64, _mm256_storeu_si256, _mm256_unpackhi_epi64, _mm256_unpacklo_epi64,
        _mm256_xor_si256,
    };
    let (fours, rest) = rows.as_chunks::<4>();
    let (out, out_rest) = out.split_at_mut(fours.len() * 4);
    // SAFETY: every load reads the 32 bytes of one row or of the query, the store fills the 32 bytes of `sums`.
    unsafe {
        let query = _mm256_loadu_si256(query.as_ptr().cast());
        let counts = |row: &[u64; 4]| -> __m256i {
            _mm256_popcnt_epi64(_mm256_xor_si256(query, _mm256_loadu_si256(row.as_ptr().cast())))
        };
        let paired = |a: __m256i, b: __m256i| {
            _mm256_add_epi64(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b))
        };
        for (four, out) in fours.iter().zip(out.as_chunks_mut::<4>().0) {
            // The processor's own prefetching begins anew at every page.
            let ahead = four.as_ptr().cast::<i8>().wrapping_add(PREFETCHED_BYTES);
            _mm_prefetch::<_MM_HINT_T0>(ahead);
            _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(64));
            let (ab, cd) =
                (paired(counts(&four[0]), counts(&four[1])), paired(counts(&four[2]), counts(&four[3])));
            let low = _mm256_permute2x128_si256::<0x20>(ab, cd);
            let high = _mm256_permute2x128_si256::<0x31>(ab, cd);
            let mut sums = [0u64; 4];
            _mm256_storeu_si256(sums.as_mut_ptr().cast(), _mm256_add_epi64(low, high));
            *out = sums.map(|sum| sum as u16);
        }
    }
    for (row, out) in rest.iter().zip(out_rest) {
        *out = row.iter().zip(query).map(|(row, query)| (row ^ query).count_ones() as u16).sum();
    }
}

/// # Safety
/// The processor must have POPCNT and AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt,avx2")]
unsafe fn differing_signs_x86(query: &[u64], rows: &[u64], out: &mut [u16]) {
    differing_signs_portable(query, rows, out);
}

/// Written so that the compiler unrolls the usual 256 components.
#[inline(always)]
fn differing_signs_portable(query: &[u64], rows: &[u64], out: &mut [u16]) {
    if let Ok(query) = <&[u64; 4]>::try_from(query) {
        for (row, out) in rows.as_chunks::<4>().0.iter().zip(out) {
            let differing = |at: usize| (row[at] ^ query[at]).count_ones();
            *out = (differing(0) + differing(1) + differing(2) + differing(3)) as u16;
        }
        return;
    }
    for (row, out) in rows.chunks_exact(query.len().max(1)).zip(out) {
        let differing: u32 = row.iter().zip(query).map(|(row, query)| (row ^ query).count_ones()).sum();
        *out = differing as u16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(length: usize, step: f32) -> Vec<f32> {
        (0..length).map(|i| (i as f32 * step).sin()).collect()
    }

    #[test]
    fn quantized_cosines_are_close_to_exact_ones() {
        let (a, b) = (wave(256, 0.1), wave(256, 0.11));
        let exact = {
            let dot: f32 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
            let norm = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
            dot / norm(&a) / norm(&b)
        };
        let (qa, qb) = (Quantized::of(&a), Quantized::of(&b));
        let cosine = dot(&qa.codes, &qb.codes) as f32 * qa.scale * qb.scale;
        assert!((cosine - exact).abs() < 0.01, "{cosine} {exact}");
    }

    #[test]
    fn both_dot_products_agree_at_every_length() {
        for length in [0, 1, 15, 31, 32, 33, 255, 256, 384, 1_000] {
            let a: Vec<i8> = (0..length).map(|i| (i * 37 % 255 - 127) as i8).collect();
            let b: Vec<i8> = (0..length).map(|i| (i * 91 % 255 - 127) as i8).collect();
            assert_eq!(dot(&a, &b), dot_portable(&a, &b), "{length}");
        }
    }

    #[test]
    fn differing_signs_are_counted_at_every_length() {
        for length in [1, 3, 64, 65, 256, 300, 1_024] {
            let vector =
                |step: i32| -> Vec<i8> { (0..length).map(|i| (i * step % 255 - 127) as i8).collect() };
            let query = vector(37);
            let bits = |codes: &Vec<i8>| signs(codes).collect::<Vec<u64>>();
            assert_eq!(bits(&query).len(), sign_words(length as usize));
            for count in [0, 1, 3, 4, 5, 9] {
                let rows: Vec<Vec<i8>> =
                    [91, 37, 13, 7, 19, 53, 29, 61, 3].into_iter().take(count).map(vector).collect();
                let mut out = vec![9; count];
                differing_signs(&bits(&query), &rows.iter().flat_map(bits).collect::<Vec<_>>(), &mut out);
                let differ =
                    |row: &Vec<i8>| row.iter().zip(&query).filter(|(a, b)| (**a < 0) != (**b < 0)).count();
                let want: Vec<u16> = rows.iter().map(|row| differ(row) as u16).collect();
                assert_eq!(out, want, "{length}, {count} rows");
            }
        }
    }

    #[test]
    fn odd_vectors_become_zero_instead_of_nonsense() {
        for values in [vec![0.0; 4], vec![f32::NAN; 4], vec![f32::INFINITY; 4]] {
            assert_eq!(Quantized::of(&values).scale, 0.0);
        }
    }
}
