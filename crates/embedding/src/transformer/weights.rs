//! The weights of a folder: `model.safetensors`, checked tensor by tensor.

use std::fs;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};

use super::encoder::{Encoder, Layer, LayerNorm, Linear};
use super::flaw::ModelFlaw;
use super::folder::Shape;
use super::kernels::Packed;

const FILE: &str = "model.safetensors";

/// Reads the encoder of `shape`; the bytes read go into `said`.
pub(super) fn read(folder: &Path, shape: &Shape, said: &mut blake3::Hasher) -> Result<Encoder, ModelFlaw> {
    let bytes = fs::read(folder.join(FILE)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => ModelFlaw::Missing { file: FILE.to_owned() },
        _ => ModelFlaw::Unreadable { file: FILE.to_owned(), error },
    })?;
    said.update(&bytes);
    let tensors = SafeTensors::deserialize(&bytes)
        .map_err(|error| ModelFlaw::NotTheShape { file: FILE.to_owned(), error: format!("{error:?}") })?;
    let prefix = if tensors.tensor("bert.embeddings.word_embeddings.weight").is_ok() { "bert." } else { "" };
    Tensors { tensors, prefix }.encoder(shape)
}

struct Tensors<'a> {
    tensors: SafeTensors<'a>,
    /// Saved with a head for some task, the encoder's names begin with `bert.`.
    prefix: &'static str,
}

impl Tensors<'_> {
    fn encoder(&self, shape: &Shape) -> Result<Encoder, ModelFlaw> {
        let width = shape.width;
        let mut positions =
            self.numbers("embeddings.position_embeddings.weight", &[shape.positions, width])?;
        let kinds = self.numbers("embeddings.token_type_embeddings.weight", &[shape.token_types, width])?;
        for row in positions.chunks_exact_mut(width) {
            row.iter_mut().zip(&kinds).for_each(|(x, kind)| *x += kind);
        }
        Ok(Encoder {
            width,
            heads: shape.heads,
            epsilon: shape.epsilon,
            activation: shape.activation,
            pieces: self.numbers("embeddings.word_embeddings.weight", &[shape.pieces, width])?,
            positions,
            norm: self.norm("embeddings.LayerNorm", width)?,
            layers: (0..shape.layers).map(|number| self.layer(number, shape)).collect::<Result<_, _>>()?,
        })
    }

    fn layer(&self, number: usize, shape: &Shape) -> Result<Layer, ModelFlaw> {
        let (width, hidden) = (shape.width, shape.hidden);
        let name = |part: &str| format!("encoder.layer.{number}.{part}");
        let attend = ["query", "key", "value"].map(|part| name(&format!("attention.self.{part}")));
        Ok(Layer {
            attend: self.linear(&attend, width, width)?,
            attended: self.linear(&[name("attention.output.dense")], width, width)?,
            attended_norm: self.norm(&name("attention.output.LayerNorm"), width)?,
            widen: self.linear(&[name("intermediate.dense")], width, hidden)?,
            narrow: self.linear(&[name("output.dense")], hidden, width)?,
            norm: self.norm(&name("output.LayerNorm"), width)?,
        })
    }

    /// Several maps of the same rows as one, their outputs side by side.
    fn linear(&self, names: &[String], inputs: usize, outputs: usize) -> Result<Linear, ModelFlaw> {
        let (mut weights, mut bias) = (Vec::new(), Vec::new());
        for name in names {
            // A row an output, so that several stand below each other.
            weights.extend(self.numbers(&format!("{name}.weight"), &[outputs, inputs])?);
            bias.extend(self.numbers(&format!("{name}.bias"), &[outputs])?);
        }
        let weight = Packed::of(inputs, bias.len(), |input, output| weights[output * inputs + input]);
        Ok(Linear { weight, bias })
    }

    /// Early checkpoints call the weight `gamma` and the bias `beta`.
    fn norm(&self, name: &str, width: usize) -> Result<LayerNorm, ModelFlaw> {
        let old = self.tensors.tensor(&format!("{}{name}.gamma", self.prefix)).is_ok();
        let (weight, bias) = if old { ("gamma", "beta") } else { ("weight", "bias") };
        Ok(LayerNorm {
            weight: self.numbers(&format!("{name}.{weight}"), &[width])?,
            bias: self.numbers(&format!("{name}.{bias}"), &[width])?,
        })
    }

    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelFlaw> {
        let name = format!("{}{name}", self.prefix);
        let Ok(tensor) = self.tensors.tensor(&name) else {
            return Err(ModelFlaw::weights(&name, "is missing"));
        };
        if tensor.shape() != shape {
            let problem = format!("has the shape {:?} where config.json asks for {shape:?}", tensor.shape());
            return Err(ModelFlaw::weights(&name, problem));
        }
        let bytes = tensor.data();
        let numbers: Vec<f32> = match tensor.dtype() {
            Dtype::F32 => bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect(),
            Dtype::F16 => bytes.as_chunks().0.iter().map(|two| from_half(u16::from_le_bytes(*two))).collect(),
            Dtype::BF16 => {
                let wide = |two: &[u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(*two)) << 16);
                bytes.as_chunks().0.iter().map(wide).collect()
            }
            other => {
                return Err(ModelFlaw::weights(
                    &name,
                    format!("is of the type {other:?}; F32, F16 and BF16 are read"),
                ));
            }
        };
        if numbers.iter().all(|number| number.is_finite()) {
            Ok(numbers)
        } else {
            Err(ModelFlaw::weights(&name, "has a number that is not finite"))
        }
    }
}

/// IEEE 754 half precision.
fn from_half(bits: u16) -> f32 {
    let bits = u32::from(bits);
    let (sign, exponent, fraction) = ((bits & 0x8000) << 16, (bits >> 10) & 0x1f, bits & 0x3ff);
    match exponent {
        // 2^-24 is the smallest number of all.
        0 => f32::from_bits(sign | (fraction as f32 * 2f32.powi(-24)).to_bits()),
        0x1f => f32::from_bits(sign | 0x7f80_0000 | (fraction << 13)),
        exponent => f32::from_bits(sign | ((exponent + 112) << 23) | (fraction << 13)),
    }
}

#[cfg(test)]
mod tests {
    use super::from_half;

    #[test]
    fn halves_are_read_as_the_standard_says() {
        for (bits, want) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x7bff, 65_504.0),
            (0x0001, 5.960_464_5e-8),
            (0x83ff, -6.097_555e-5),
            (0x7c00, f32::INFINITY),
        ] {
            assert_eq!(from_half(bits), want, "{bits:#x}");
        }
        assert!(from_half(0x7e00).is_nan());
    }
}
