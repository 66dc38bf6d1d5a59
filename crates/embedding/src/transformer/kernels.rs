//! The arithmetic of a forward pass: one product with a packed matrix, and what is done number by number.
//!
//! Written once as plain loops over fixed-size blocks, which the compiler turns into vector instructions; on x86
//! each is compiled a second time with AVX2 and FMA, and the processor decides at run time which one runs.

use std::ops::Add;

/// Columns of a packed panel: two AVX2 registers.
pub(super) const PANEL: usize = 16;

/// Rows worked on at once: with two registers each, as many as sixteen registers hold beside the weights.
const ROWS_AT_ONCE: usize = 6;

/// A view of rows in a longer array: row `i` begins at `i * stride`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) numbers: &'a [f32],
    pub(super) stride: usize,
    pub(super) count: usize,
}

/// A matrix of `inputs` by `outputs`, cut into panels of [`PANEL`] outputs; the last is filled up with zeros.
#[derive(Debug, Default)]
pub(super) struct Packed {
    inputs: usize,
    outputs: usize,
    panels: Vec<f32>,
}

impl Packed {
    /// Packs what `weight(input, output)` gives, reusing the memory of an earlier packing.
    pub(super) fn refill(&mut self, inputs: usize, outputs: usize, weight: impl Fn(usize, usize) -> f32) {
        (self.inputs, self.outputs) = (inputs, outputs);
        self.panels.clear();
        self.panels.resize(outputs.div_ceil(PANEL) * inputs * PANEL, 0.0);
        for (number, panel) in self.panels.chunks_exact_mut((inputs * PANEL).max(1)).enumerate() {
            let first = number * PANEL;
            let width = PANEL.min(outputs - first);
            for (input, row) in panel.chunks_exact_mut(PANEL).enumerate() {
                for (column, cell) in row[..width].iter_mut().enumerate() {
                    *cell = weight(input, first + column);
                }
            }
        }
    }

    /// A packed matrix of what `weight(input, output)` gives.
    pub(super) fn of(inputs: usize, outputs: usize, weight: impl Fn(usize, usize) -> f32) -> Self {
        let mut packed = Self::default();
        packed.refill(inputs, outputs, weight);
        packed
    }

    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }
}

/// Writes `rows * packed + bias` to `out`, row `i` from `i * stride`; an empty bias adds nothing.
pub(super) fn multiply(rows: Rows<'_>, packed: &Packed, bias: &[f32], out: &mut [f32], stride: usize) {
    for (number, panel) in packed.panels.chunks_exact((packed.inputs * PANEL).max(1)).enumerate() {
        let first = number * PANEL;
        let width = PANEL.min(packed.outputs - first);
        let mut start = [0.0; PANEL];
        if !bias.is_empty() {
            start[..width].copy_from_slice(&bias[first..first + width]);
        }
        for row in (0..rows.count).step_by(ROWS_AT_ONCE) {
            let count = ROWS_AT_ONCE.min(rows.count - row);
            let rows = Rows { numbers: &rows.numbers[row * rows.stride..], count, ..rows };
            let mut sums = [[0.0; PANEL]; ROWS_AT_ONCE];
            product(rows, panel, &start, &mut sums);
            for (at, sums) in sums[..count].iter().enumerate() {
                out[(row + at) * stride + first..][..width].copy_from_slice(&sums[..width]);
            }
        }
    }
}

/// At most [`ROWS_AT_ONCE`] rows times one panel, plus `start`.
fn product(rows: Rows<'_>, panel: &[f32], start: &[f32; PANEL], sums: &mut [[f32; PANEL]; ROWS_AT_ONCE]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        // SAFETY: the processor has both features, which is all the function needs.
        return unsafe { avx2::product(rows, panel, start, sums) };
    }
    product_plainly(rows, panel, start, sums);
}

fn product_plainly(
    rows: Rows<'_>,
    panel: &[f32],
    start: &[f32; PANEL],
    sums: &mut [[f32; PANEL]; ROWS_AT_ONCE],
) {
    for (row, sums) in sums[..rows.count].iter_mut().enumerate() {
        let mut kept = *start;
        for (number, weights) in rows.numbers[row * rows.stride..].iter().zip(panel.as_chunks::<PANEL>().0) {
            for (sum, weight) in kept.iter_mut().zip(weights) {
                *sum += number * weight;
            }
        }
        *sums = kept;
    }
}

/// The product with the sums held in registers by hand: left to the compiler it was 2.6 times slower.
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{__m256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_storeu_ps};

    use super::{PANEL, ROWS_AT_ONCE, Rows};

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn product(
        rows: Rows<'_>,
        panel: &[f32],
        start: &[f32; PANEL],
        sums: &mut [[f32; PANEL]; ROWS_AT_ONCE],
    ) {
        match rows.count {
            1 => block::<1>(rows, panel, start, sums),
            2 => block::<2>(rows, panel, start, sums),
            3 => block::<3>(rows, panel, start, sums),
            4 => block::<4>(rows, panel, start, sums),
            5 => block::<5>(rows, panel, start, sums),
            _ => block::<ROWS_AT_ONCE>(rows, panel, start, sums),
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn block<const ROWS: usize>(
        rows: Rows<'_>,
        panel: &[f32],
        start: &[f32; PANEL],
        out: &mut [[f32; PANEL]; ROWS_AT_ONCE],
    ) {
        let weights = panel.as_chunks::<PANEL>().0;
        let inputs = weights.len();
        let mut numbers = [[].as_slice(); ROWS];
        for (row, numbers) in numbers.iter_mut().enumerate() {
            *numbers = &rows.numbers[row * rows.stride..][..inputs];
        }
        let mut sums = [halves(start); ROWS];
        for at in 0..inputs {
            let [left, right] = halves(&weights[at]);
            for row in 0..ROWS {
                let number = _mm256_set1_ps(numbers[row][at]);
                sums[row] = [
                    _mm256_fmadd_ps(number, left, sums[row][0]),
                    _mm256_fmadd_ps(number, right, sums[row][1]),
                ];
            }
        }
        for (out, [left, right]) in out.iter_mut().zip(sums) {
            let (first, second) = out.split_at_mut(PANEL / 2);
            // SAFETY: each half has eight numbers, which are the 32 bytes that are stored.
            unsafe {
                _mm256_storeu_ps(first.as_mut_ptr(), left);
                _mm256_storeu_ps(second.as_mut_ptr(), right);
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn halves(numbers: &[f32; PANEL]) -> [__m256; 2] {
        let (first, second) = numbers.split_at(PANEL / 2);
        // SAFETY: each half has eight numbers, which are the 32 bytes that are loaded.
        unsafe { [_mm256_loadu_ps(first.as_ptr()), _mm256_loadu_ps(second.as_ptr())] }
    }
}

/// Compiles a loop for every processor and once more for those with AVX2 and FMA.
macro_rules! for_each_processor {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $kind:ty),*) = $body:ident;)*) => {$(
        $(#[$doc])*
        pub(super) fn $name($($argument: $kind),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn wide($($argument: $kind),*) {
                    $body::<true>($($argument),*);
                }
                if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                    // SAFETY: the processor has both features, which is all the function needs.
                    return unsafe { wide($($argument),*) };
                }
            }
            $body::<{ cfg!(target_arch = "aarch64") }>($($argument),*);
        }
    )*};
}

for_each_processor! {
    /// BERT's GELU: `x * Phi(x)` with the exact normal distribution (to 1.5e-7).
    fn gelu(numbers: &mut [f32]) = gelu_plainly;
    /// The GELU of `gelu_new` and `gelu_pytorch_tanh`, by a hyperbolic tangent.
    fn gelu_by_tanh(numbers: &mut [f32]) = gelu_by_tanh_plainly;
    /// Scales each row of `width` by `scale` and turns it into shares that add up to one.
    fn softmax(numbers: &mut [f32], stride: usize, width: usize, scale: f32) = softmax_plainly;
    /// Brings each row, after `added` was added to it, to mean 0 and variance 1, then `* weight + bias`.
    fn add_and_normalise(numbers: &mut [f32], added: &[f32], weight: &[f32], bias: &[f32], epsilon: f32) = normalise_plainly;
}

/// `a * b + c`, in one rounding where the processor has an instruction for it; elsewhere that would be a call.
#[inline(always)]
fn fused<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// Folds `row` in sixteen lanes, then the lanes: additions that wait for each other would take most of a row's time.
#[inline(always)]
fn by_lanes(
    row: &[f32],
    start: f32,
    fold: impl Fn(f32, f32) -> f32,
    together: impl Fn(f32, f32) -> f32,
) -> f32 {
    let mut lanes = [start; PANEL];
    let (whole, rest) = row.as_chunks::<PANEL>();
    for numbers in whole {
        for (lane, x) in lanes.iter_mut().zip(numbers) {
            *lane = fold(*lane, *x);
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane = fold(*lane, *x);
    }
    lanes.into_iter().fold(start, together)
}

/// `e^x` to 1e-7 of its value: by powers of two, and a polynomial for the rest (Cephes `expf`).
#[inline(always)]
fn exp<const FUSED: bool>(x: f32) -> f32 {
    // Beyond these the answer is no normal number any more.
    let x = x.clamp(-87.3, 88.3);
    // Adding and taking away 1.5 * 2^23 rounds to a whole number, in one register on any processor.
    const ROUND: f32 = 12_582_912.0;
    let whole = fused::<FUSED>(x, std::f32::consts::LOG2_E, ROUND) - ROUND;
    let rest = fused::<FUSED>(whole, -0.693_359_4, x);
    let rest = fused::<FUSED>(whole, 2.121_944_4e-4, rest);
    let mut sum = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_6e-1, 0.5] {
        sum = fused::<FUSED>(sum, rest, coefficient);
    }
    let fraction = fused::<FUSED>(sum, rest * rest, rest) + 1.0;
    // SAFETY of the cast: `whole` lies between -126 and 127.
    fraction * f32::from_bits(((whole as i32 + 127) << 23).cast_unsigned())
}

#[inline(always)]
fn gelu_plainly<const FUSED: bool>(numbers: &mut [f32]) {
    for x in numbers {
        // Abramowitz and Stegun, 7.1.26.
        let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
        let t = 1.0 / fused::<FUSED>(0.327_591_1, z, 1.0);
        let mut sum = 1.061_405_4;
        for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
            sum = fused::<FUSED>(sum, t, coefficient);
        }
        let erf = 1.0 - sum * t * exp::<FUSED>(-z * z);
        *x *= 0.5 * (1.0 + erf.copysign(*x));
    }
}

#[inline(always)]
fn gelu_by_tanh_plainly<const FUSED: bool>(numbers: &mut [f32]) {
    for x in numbers {
        let inner = 0.797_884_6 * fused::<FUSED>(0.044_715 * *x * *x, *x, *x);
        let tanh = 1.0 - 2.0 / (exp::<FUSED>(2.0 * inner) + 1.0);
        *x *= 0.5 * (1.0 + tanh);
    }
}

#[inline(always)]
fn softmax_plainly<const FUSED: bool>(numbers: &mut [f32], stride: usize, width: usize, scale: f32) {
    for row in numbers.chunks_exact_mut(stride) {
        let row = &mut row[..width];
        let largest = by_lanes(row, f32::MIN, f32::max, f32::max);
        for x in row.iter_mut() {
            *x = exp::<FUSED>((*x - largest) * scale);
        }
        let share = 1.0 / by_lanes(row, 0.0, Add::add, Add::add);
        for x in row.iter_mut() {
            *x *= share;
        }
    }
}

#[inline(always)]
fn normalise_plainly<const FUSED: bool>(
    numbers: &mut [f32],
    added: &[f32],
    weight: &[f32],
    bias: &[f32],
    epsilon: f32,
) {
    let width = weight.len();
    for (row, added) in numbers.chunks_exact_mut(width).zip(added.chunks_exact(width)) {
        for (x, more) in row.iter_mut().zip(added) {
            *x += more;
        }
        let mean = by_lanes(row, 0.0, Add::add, Add::add) / width as f32;
        for x in row.iter_mut() {
            *x -= mean;
        }
        let variance = by_lanes(row, 0.0, |sum, x| fused::<FUSED>(x, x, sum), Add::add) / width as f32;
        let scale = 1.0 / (variance + epsilon).sqrt();
        for ((x, weight), bias) in row.iter_mut().zip(weight).zip(bias) {
            *x = fused::<FUSED>(*x * scale, *weight, *bias);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(count: usize, step: f32) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * step).sin()).collect()
    }

    fn close(got: &[f32], want: &[f64], error_max: f64, what: &str) {
        assert_eq!(got.len(), want.len(), "{what}");
        for (got, want) in got.iter().zip(want) {
            assert!((f64::from(*got) - want).abs() <= error_max, "{what}: {got} is not {want}");
        }
    }

    fn check_product(rows: usize, inputs: usize, outputs: usize) {
        let (left, right, bias) =
            (wave(rows * (inputs + 3), 0.7), wave(inputs * outputs, 0.3), wave(outputs, 0.9));
        let packed = Packed::of(inputs, outputs, |input, output| right[input * outputs + output]);
        let mut want = Vec::new();
        for row in 0..rows {
            for output in 0..outputs {
                let sum: f64 = (0..inputs)
                    .map(|i| f64::from(left[row * (inputs + 3) + i]) * f64::from(right[i * outputs + output]))
                    .sum();
                want.push(sum + f64::from(bias[output]));
            }
        }
        let rows = Rows { numbers: &left, stride: inputs + 3, count: rows };
        let what = format!("{} x {inputs} x {outputs}", rows.count);
        let mut got = vec![f32::NAN; rows.count * outputs];
        multiply(rows, &packed, &bias, &mut got, outputs);
        close(&got, &want, 1e-4, &what);
        if outputs == PANEL && rows.count <= ROWS_AT_ONCE {
            let mut sums = [[f32::NAN; PANEL]; ROWS_AT_ONCE];
            product_plainly(rows, &packed.panels, bias.first_chunk().unwrap(), &mut sums);
            close(sums[..rows.count].as_flattened(), &want, 1e-4, &what);
        }
    }

    #[test]
    fn products_are_right_at_every_size() {
        for rows in [1, 2, 5, 6, 7, 12, 13] {
            for (inputs, outputs) in [(1, 1), (5, 16), (16, 17), (40, 33)] {
                check_product(rows, inputs, outputs);
            }
        }
    }

    #[test]
    fn curves_are_those_of_the_mathematicians() {
        let xs: Vec<f32> = (-1_000..=1_000).map(|i| i as f32 / 100.0).collect();
        let mut got: Vec<f32> = xs.iter().map(|x| exp::<false>(*x)).collect();
        for (x, got) in xs.iter().zip(&got) {
            let want = f64::from(*x).exp();
            assert!((f64::from(*got) / want - 1.0).abs() < 3e-7, "exp({x}) is not {got}");
        }
        got.clone_from(&xs);
        gelu_by_tanh(&mut got);
        let by_tanh = |x: f64| 0.5 * x * (1.0 + (0.797_884_560_8 * (x + 0.044_715 * x.powi(3))).tanh());
        close(&got, &xs.iter().map(|x| by_tanh(f64::from(*x))).collect::<Vec<_>>(), 1e-5, "gelu by tanh");
        // Values of the normal distribution from a table: Phi(-3), Phi(-1), Phi(0), Phi(0.5), Phi(2).
        let mut got = [-3.0, -1.0, 0.0, 0.5, 2.0];
        gelu(&mut got);
        let want = [-3.0 * 0.001_349_898, -0.158_655_254, 0.0, 0.5 * 0.691_462_461, 2.0 * 0.977_249_868];
        close(&got, &want, 2e-6, "gelu");
    }

    #[test]
    fn shares_add_up_and_rows_are_normal() {
        let mut numbers = wave(24, 0.5);
        numbers[0] = 3e38;
        softmax(&mut numbers, 12, 10, 0.25);
        for row in numbers.chunks_exact(12) {
            assert!((row[..10].iter().sum::<f32>() - 1.0).abs() < 1e-6, "{row:?}");
        }
        assert!((numbers[0] - 1.0).abs() < 1e-6);
        let mut numbers = wave(40, 0.5);
        add_and_normalise(&mut numbers, &wave(40, 0.2), &[1.0; 20], &[0.0; 20], 1e-12);
        for row in numbers.chunks_exact(20) {
            assert!(row.iter().sum::<f32>().abs() < 1e-4);
            assert!((row.iter().map(|x| x * x).sum::<f32>() / 20.0 - 1.0).abs() < 1e-4);
        }
    }
}
