//! Vectors of length one, so that a dot product is a cosine.

/// Below this length a vector has no direction worth keeping.
const LENGTH_MIN: f32 = 1e-12;

/// Scales `vector` to length one in place; one with no direction becomes all zero.
pub(crate) fn normalise(vector: &mut [f32]) {
    // Dividing by the largest first keeps the squares of huge (but finite) numbers finite.
    let largest = vector.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    if largest < LENGTH_MIN {
        vector.fill(0.0);
        return;
    }
    let length = vector.iter().map(|x| (x / largest) * (x / largest)).sum::<f32>().sqrt();
    for x in vector {
        *x = *x / largest / length;
    }
}

#[cfg(test)]
mod tests {
    use super::normalise;

    fn check(mut vector: Vec<f32>, expected: &[f32]) {
        normalise(&mut vector);
        assert_eq!(vector.len(), expected.len());
        for (got, want) in vector.iter().zip(expected) {
            assert!((got - want).abs() < 1e-6, "{vector:?} is not {expected:?}");
        }
    }

    #[test]
    fn lengths_become_one_or_zero() {
        check(vec![3.0, 4.0], &[0.6, 0.8]);
        check(vec![-3e38, 0.0], &[-1.0, 0.0]);
        check(vec![1e-30, 0.0], &[0.0, 0.0]);
        check(vec![], &[]);
    }
}
