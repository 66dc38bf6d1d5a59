//! The forward pass of a BERT encoder (Devlin et al., 2018) over several texts at once, without padding.
//!
//! The rows of all texts stand below each other, so that each weight is fetched once for all of them; only
//! attention looks at one text at a time.

use std::sync::atomic::{AtomicBool, Ordering};

use super::kernels::{Packed, Rows, add_and_normalise, gelu, gelu_by_tanh, multiply, softmax};

/// What the numbers of the hidden layer go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    Gelu,
    GeluByTanh,
    Relu,
}

/// `rows * weight + bias`.
#[derive(Debug)]
pub(super) struct Linear {
    pub(super) weight: Packed,
    pub(super) bias: Vec<f32>,
}

/// Mean 0, variance 1, then `* weight + bias`.
#[derive(Debug)]
pub(super) struct LayerNorm {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// One layer's weights.
#[derive(Debug)]
pub(super) struct Layer {
    /// Query, key and value in one: three times the width.
    pub(super) attend: Linear,
    pub(super) attended: Linear,
    pub(super) attended_norm: LayerNorm,
    pub(super) widen: Linear,
    pub(super) narrow: Linear,
    pub(super) norm: LayerNorm,
}

/// All weights.
#[derive(Debug)]
pub(super) struct Encoder {
    pub(super) width: usize,
    pub(super) heads: usize,
    pub(super) epsilon: f32,
    pub(super) activation: Activation,
    /// A row a piece.
    pub(super) pieces: Vec<f32>,
    /// A row a position, the row of the first token type added to each.
    pub(super) positions: Vec<f32>,
    pub(super) norm: LayerNorm,
    pub(super) layers: Vec<Layer>,
}

/// Nobody waits for the answer any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Abandoned;

impl Encoder {
    /// The last hidden states of each text, a row of [`width`](Self::width) a piece. Piece numbers and lengths must be
    /// within the model's.
    pub(super) fn encode(
        &self,
        texts: &[&[u32]],
        abandoned: &AtomicBool,
    ) -> Result<Vec<Vec<f32>>, Abandoned> {
        let mut states = self.embedded(texts);
        let mut room = Room::default();
        for layer in &self.layers {
            if abandoned.load(Ordering::Relaxed) {
                return Err(Abandoned);
            }
            self.pass(layer, texts, &mut states, &mut room);
        }
        let mut rest = states.as_slice();
        let mut apart = Vec::with_capacity(texts.len());
        for text in texts {
            let (own, others) = rest.split_at(text.len() * self.width);
            apart.push(own.to_vec());
            rest = others;
        }
        Ok(apart)
    }

    fn embedded(&self, texts: &[&[u32]]) -> Vec<f32> {
        let width = self.width;
        let mut states: Vec<f32> = Vec::with_capacity(texts.iter().map(|text| text.len() * width).sum());
        let mut places: Vec<f32> = Vec::with_capacity(states.capacity());
        for text in texts {
            for piece in *text {
                states.extend_from_slice(&self.pieces[*piece as usize * width..][..width]);
            }
            places.extend_from_slice(&self.positions[..text.len() * width]);
        }
        add_and_normalise(&mut states, &places, &self.norm.weight, &self.norm.bias, self.epsilon);
        states
    }

    fn pass(&self, layer: &Layer, texts: &[&[u32]], states: &mut [f32], room: &mut Room) {
        let (width, count) = (self.width, states.len() / self.width);
        layer.attend.apply(states, count, &mut room.attending);
        room.context.resize(states.len(), 0.0);
        let mut first = 0;
        for text in texts {
            self.attend(first, text.len(), room);
            first += text.len();
        }
        layer.attended.apply(&room.context, count, &mut room.added);
        let norm = &layer.attended_norm;
        add_and_normalise(states, &room.added, &norm.weight, &norm.bias, self.epsilon);
        layer.widen.apply(states, count, &mut room.wide);
        match self.activation {
            Activation::Gelu => gelu(&mut room.wide),
            Activation::GeluByTanh => gelu_by_tanh(&mut room.wide),
            Activation::Relu => room.wide.iter_mut().for_each(|x| *x = x.max(0.0)),
        }
        layer.narrow.apply(&room.wide, count, &mut room.added);
        add_and_normalise(states, &room.added, &layer.norm.weight, &layer.norm.bias, self.epsilon);
        debug_assert_eq!(room.added.len(), count * width);
    }

    /// Attention of one text, whose rows begin at `first`, head by head.
    fn attend(&self, first: usize, length: usize, room: &mut Room) {
        let (width, each) = (self.width, self.width / self.heads);
        let stride = 3 * width;
        let own = &room.attending[first * stride..(first + length) * stride];
        for head in 0..self.heads {
            let (query, key, value) = (head * each, width + head * each, 2 * width + head * each);
            room.keys.refill(each, length, |input, output| own[output * stride + key + input]);
            room.values.refill(length, each, |input, output| own[input * stride + value + output]);
            room.shares.resize(length * length, 0.0);
            let queries = Rows { numbers: &own[query..], stride, count: length };
            multiply(queries, &room.keys, &[], &mut room.shares, length);
            softmax(&mut room.shares, length, length, 1.0 / (each as f32).sqrt());
            let shares = Rows { numbers: &room.shares, stride: length, count: length };
            let to = &mut room.context[first * width + head * each..];
            multiply(shares, &room.values, &[], to, width);
        }
    }
}

impl Linear {
    fn apply(&self, rows: &[f32], count: usize, out: &mut Vec<f32>) {
        let outputs = self.weight.outputs();
        out.resize(count * outputs, 0.0);
        let rows = Rows { numbers: rows, stride: rows.len() / count.max(1), count };
        multiply(rows, &self.weight, &self.bias, out, outputs);
    }
}

/// Memory of a pass, reused by the next layer.
#[derive(Debug, Default)]
struct Room {
    attending: Vec<f32>,
    keys: Packed,
    values: Packed,
    shares: Vec<f32>,
    context: Vec<f32>,
    added: Vec<f32>,
    wide: Vec<f32>,
}
