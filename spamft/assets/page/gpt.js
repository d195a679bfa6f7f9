/* gpt.js: a GPT that classifies text, in one file that needs nothing else.

   The steps and their names are those of the package's Python files:

     normalize        normalizer.py   text -> the text that people see, if it does so
     Tokenizer        tokenizer.py    text -> token ids
     GPT and layers   gpt.py          ids -> vectors, next-token logits
     GPTClassifier    classifier.py   vectors -> a number for each class, the logits
     DecisionRule     verdict.py      logits -> probabilities and a label, or none
     leaveOneOut      explain.py      which tokens decided it

   Shapes in comments use one letter per axis: T tokens, C channels (emb_dim),
   H heads, D = C / H, V vocabulary, K classes. A (T, C) table is one Float32Array;
   its row t begins at t * C.

   Attention is causal: a token sees only those before it. So what was computed for the
   beginning of a text stays right whatever follows. `States` keeps it, and only tokens
   after the first change are computed anew. */
"use strict";

/* ---------------------------------------------------------------- text -> ids */

/* Every text goes through here before it is cut into tokens. Without a normalizer it
   stays as it is. With one it is written as people see it: what nobody sees is left out,
   other forms of a letter become the usual one (NFKC), and what looks like a Latin letter
   becomes it, by a table. */
function normalize(text, normalizer) {
  if (!normalizer || /^[\0-\x7f]*$/.test(text)) return text;
  const letters = new Map(Object.entries(normalizer.table));
  const marks = new RegExp(`[${normalizer.marks}]`, "u");
  for (;;) {
    const composed = seenOf(text, marks).normalize("NFKC").replace(/[\u0300-\u036f]+/g, "");
    const seen = Array.from(composed, (c) => letters.get(c) ?? c).join("");
    if (seen === text) return text;
    text = seen; // letters may compose once more
  }
}

/* The characters that are seen, and of marks no more than any language has. */
function seenOf(text, marks) {
  const unseen =
    /[\p{Cf}\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\u{e0100}-\u{e01ef}]/gu;
  let count = 0;
  return Array.from(text.replace(unseen, ""), (character) => {
    count = marks.test(character) ? count + 1 : 0;
    return count <= 30 ? character : "";
  }).join("");
}

/* How a text is cut into pieces, which no token crosses: GPT-2's pattern. \s of other
   languages is Unicode's White_Space, which JavaScript's own \s is not exactly. */
const PATTERN = new RegExp(
  String.raw`'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+` +
    String.raw`|\p{White_Space}+$|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}`,
  "gu",
);

class Tokenizer {
  /* `tokens` are the bytes of each token, as base64; those of lower ids merge first. */
  constructor(tokens) {
    this.tokens = tokens.map((token) => atob(token)); // a character for each byte
    this.ranks = new Map(this.tokens.map((token, id) => [token, id]));
    this.endOfText = tokens.length; // the id after the last: a text's end, and padding
  }

  /* The ids of a text; no more than are needed for the first `most`. */
  encode(text, most = Infinity) {
    const ids = [];
    for (const [piece] of text.matchAll(PATTERN)) {
      for (const part of this.merge(bytesOf(piece))) ids.push(this.ranks.get(part));
      if (ids.length >= most) break;
    }
    return ids.slice(0, most);
  }

  /* What a token looks like; a part of a character is shown as one that is unknown. */
  decode(id) {
    if (id === this.endOfText) return "<|endoftext|>";
    const bytes = Uint8Array.from(this.tokens[id], (byte) => byte.charCodeAt(0));
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  }

  /* Byte pair encoding: of all neighbours that are a token together, those of the
     lowest id become one, until no two are. */
  merge(bytes) {
    if (this.ranks.has(bytes)) return [bytes];
    let parts = [...bytes];
    for (;;) {
      let lowest = Infinity;
      for (let i = 1; i < parts.length; i++) {
        lowest = Math.min(lowest, this.rank(parts[i - 1], parts[i]));
      }
      if (lowest === Infinity) return parts;
      parts = this.mergeAll(parts, lowest);
    }
  }

  /* Merge the pairs of this rank from left to right, up to one that makes a pair of a
     lower rank: then that one's turn has come. */
  mergeAll(parts, rank) {
    const merged = [];
    for (let i = 0; i < parts.length; i++) {
      if (i + 1 === parts.length || this.rank(parts[i], parts[i + 1]) !== rank) {
        merged.push(parts[i]);
        continue;
      }
      const pair = parts[i] + parts[++i];
      const before = this.rank(merged.at(-1) ?? "", pair);
      const after = this.rank(pair, parts[i + 1] ?? "");
      merged.push(pair);
      if (Math.min(before, after) < rank) return merged.concat(parts.slice(i + 1));
    }
    return merged;
  }

  rank(left, right) {
    return this.ranks.get(left + right) ?? Infinity;
  }
}

/* A text as UTF-8, a character for each byte. */
function bytesOf(text) {
  const bytes = new TextEncoder().encode(text);
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/* ---------------------------------------------------------------- the layers */

class Linear {
  /* `weight` (outputs, inputs), `bias` (outputs) or none. */
  constructor(weight, bias, inputs) {
    this.weight = weight;
    this.inputs = inputs;
    this.outputs = weight.length / inputs;
    this.bias = bias ?? new Float32Array(this.outputs);
  }

  /* (T, inputs) -> (T, outputs): each output is a weighted sum of all inputs. */
  forward(x) {
    const { weight, bias, inputs, outputs } = this;
    const T = x.length / inputs;
    const y = new Float32Array(T * outputs);
    // Nearly all the time is spent in the inner loop. Four tokens and two outputs at once
    // fetch six numbers for eight products; one by one they would fetch sixteen. After
    // the last row, the last stands in for those that are missing.
    x = new Float64Array(x); // what JavaScript computes with: no conversion in the loop
    for (let t = 0; t < T; t += 4) {
      const t1 = Math.min(t + 1, T - 1);
      const t2 = Math.min(t + 2, T - 1);
      const t3 = Math.min(t + 3, T - 1);
      const x0 = t * inputs;
      const x1 = t1 * inputs;
      const x2 = t2 * inputs;
      const x3 = t3 * inputs;
      for (let o = 0; o < outputs; o += 2) {
        const p = Math.min(o + 1, outputs - 1);
        const v = o * inputs;
        const w = p * inputs;
        let a0 = bias[o], a1 = a0, a2 = a0, a3 = a0;
        let b0 = bias[p], b1 = b0, b2 = b0, b3 = b0;
        for (let i = 0; i < inputs; i++) {
          const a = weight[v + i];
          const b = weight[w + i];
          a0 += a * x[x0 + i];
          a1 += a * x[x1 + i];
          a2 += a * x[x2 + i];
          a3 += a * x[x3 + i];
          b0 += b * x[x0 + i];
          b1 += b * x[x1 + i];
          b2 += b * x[x2 + i];
          b3 += b * x[x3 + i];
        }
        y[t * outputs + o] = a0;
        y[t1 * outputs + o] = a1;
        y[t2 * outputs + o] = a2;
        y[t3 * outputs + o] = a3;
        y[t * outputs + p] = b0;
        y[t1 * outputs + p] = b1;
        y[t2 * outputs + p] = b2;
        y[t3 * outputs + p] = b3;
      }
    }
    return y;
  }
}

class LayerNorm {
  constructor(weight, bias) {
    this.weight = weight;
    this.bias = bias;
  }

  /* (T, C) -> (T, C): each row with mean 0 and variance 1, then scaled and moved. */
  forward(x) {
    const C = this.weight.length;
    const y = new Float32Array(x.length);
    for (let row = 0; row < x.length; row += C) {
      let mean = 0;
      let variance = 0;
      for (let c = 0; c < C; c++) mean += x[row + c] / C;
      for (let c = 0; c < C; c++) variance += (x[row + c] - mean) ** 2 / C;
      const scale = 1 / Math.sqrt(variance + 1e-5);
      for (let c = 0; c < C; c++) {
        y[row + c] = (x[row + c] - mean) * scale * this.weight[c] + this.bias[c];
      }
    }
    return y;
  }
}

/* Every token gathers from itself and the tokens before it. */
class SelfAttention {
  constructor(qkv, out, heads) {
    this.qkv = qkv;
    this.out = out;
    this.heads = heads;
  }

  /* (T, C) -> (T, C), of the tokens that stand at `start` and after. `past` holds the
     queries, keys and values of all tokens, (context, 3C); theirs are added to it. */
  forward(x, past, start) {
    const C = this.out.inputs;
    past.set(this.qkv.forward(x), start * 3 * C);
    const gathered = new Float32Array(x.length);
    for (let t = 0; t < x.length / C; t++) {
      for (let head = 0; head < this.heads; head++) {
        this.gather(past, start + t, head, gathered.subarray(t * C, (t + 1) * C));
      }
    }
    return this.out.forward(gathered);
  }

  /* What token t finds with one head: the values of the others by their weights. */
  gather(past, t, head, into) {
    const C = this.out.inputs;
    const D = C / this.heads;
    const weights = this.weights(past, t, head);
    for (let s = 0; s <= t; s++) {
      const value = s * 3 * C + 2 * C + head * D;
      for (let d = 0; d < D; d++) into[head * D + d] += weights[s] * past[value + d];
    }
  }

  /* (t + 1) shares that add up to 1: how much token t takes from each, with one head.
     The better a token's key fits the query, the larger its share. */
  weights(past, t, head) {
    const C = this.out.inputs;
    const D = C / this.heads;
    const query = t * 3 * C + head * D;
    const scores = [];
    for (let s = 0; s <= t; s++) {
      const key = s * 3 * C + C + head * D;
      let score = 0;
      for (let d = 0; d < D; d++) score += past[query + d] * past[key + d];
      scores.push(score / Math.sqrt(D));
    }
    return softmax(scores);
  }
}

/* Each token thinks about what it gathered, on its own. */
class MLP {
  constructor(up, down) {
    this.up = up;
    this.down = down;
  }

  /* (T, C) -> (T, C). */
  forward(x) {
    return this.down.forward(this.up.forward(x).map(gelu));
  }
}

/* Nearly 0 below 0, nearly x above; GPT-2's approximation by tanh. */
function gelu(x) {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
}

/* Gather, then think; each adds to the token instead of replacing it. */
class Block {
  constructor(norm1, attention, norm2, mlp) {
    Object.assign(this, { norm1, attention, norm2, mlp });
  }

  /* (T, C) -> (T, C); `past` and `start` as in SelfAttention.forward. */
  forward(x, past, start) {
    x = add(x, this.attention.forward(this.norm1.forward(x), past, start));
    return add(x, this.mlp.forward(this.norm2.forward(x)));
  }
}

function add(x, y) {
  return x.map((number, i) => number + y[i]);
}

/* ---------------------------------------------------------------- the GPT */

/* What a GPT has made of a sequence of tokens. */
class States {
  constructor({ context_length, emb_dim, n_layers }) {
    const tables = (count, width) =>
      Array.from({ length: count }, () => new Float32Array(context_length * width));
    this.ids = []; // the tokens that the tables are about
    this.x = tables(n_layers + 1, emb_dim); // what enters each block, and leaves the last
    this.past = tables(n_layers, 3 * emb_dim); // queries, keys, values in each block
  }
}

/* Token and position vectors through a stack of blocks. */
class GPT {
  /* `weight(name)` gives the numbers of a tensor by its name in the saved model. */
  constructor(config, weight) {
    const C = config.emb_dim;
    const linear = (name, inputs) =>
      new Linear(weight(`${name}.weight`), weight(`${name}.bias`), inputs);
    const norm = (name) => new LayerNorm(weight(`${name}.weight`), weight(`${name}.bias`));
    this.config = config;
    this.tokEmb = new Linear(weight("tok_emb.weight"), null, C); // (V, C), both ways
    this.posEmb = weight("pos_emb.weight"); // (context_length, C)
    this.blocks = Array.from({ length: config.n_layers }, (_, b) => {
      const at = `blocks.${b}`;
      const attention = new SelfAttention(
        linear(`${at}.attention.qkv`, C),
        linear(`${at}.attention.out`, C),
        config.n_heads,
      );
      const mlp = new MLP(linear(`${at}.mlp.up`, C), linear(`${at}.mlp.down`, 4 * C));
      return new Block(norm(`${at}.norm_1`), attention, norm(`${at}.norm_2`), mlp);
    });
    this.finalNorm = norm("final_norm");
  }

  /* T ids -> (T, C): what a token is, plus where it stands; the first is at `start`. */
  embed(ids, start) {
    const C = this.config.emb_dim;
    return Float32Array.from({ length: ids.length * C }, (_, i) => {
      const t = Math.floor(i / C);
      return this.tokEmb.weight[ids[t] * C + (i % C)] + this.posEmb[start * C + i];
    });
  }

  /* Change `states` to those of `ids`, block by block, with a pause after each. The
     tokens that both begin with are not computed again. */
  *reading(ids, states) {
    const C = this.config.emb_dim;
    let start = 0;
    while (start < ids.length && ids[start] === states.ids[start]) start++;
    states.ids = ids.slice(0, start); // all that is right if we are not resumed
    let x = this.embed(ids.slice(start), start);
    for (const [b, block] of this.blocks.entries()) {
      states.x[b].set(x, start * C);
      x = block.forward(x, states.past[b], start);
      yield;
    }
    states.x[this.blocks.length].set(x, start * C);
    states.ids = ids;
  }

  /* (C,) the vector of token t after some blocks, by default all. */
  hidden(states, t, blocks = this.blocks.length) {
    const C = this.config.emb_dim;
    return this.finalNorm.forward(states.x[blocks].subarray(t * C, (t + 1) * C));
  }

  /* (C,) a token's vector -> (V,) logits of the next token; GPT-2 reuses its token
     vectors. */
  logits(hidden) {
    return this.tokEmb.forward(hidden);
  }
}

/* ---------------------------------------------------------------- the classifier */

/* How the vectors of the first `length` tokens become the one that the head reads. */
const POOLINGS = {
  // that of the last one: only it has seen all of them
  last_real: (vectors) => vectors(-1),
  // their mean
  mean: (vectors, length) => {
    const sum = vectors(0);
    for (let t = 1; t < length; t++) vectors(t).forEach((x, c) => (sum[c] += x));
    return sum.map((x) => x / length);
  },
};

class GPTClassifier {
  /* `card` says what the model is, `tensors` are its numbers; see `readTensors`. */
  constructor(card, tensors) {
    const weight = (name) => dequantize(tensors, name, card.nf4);
    this.gpt = new GPT(card.gpt, (name) => weight(`gpt.${name}`));
    this.head = new Linear(weight("head.weight"), weight("head.bias"), card.gpt.emb_dim);
    this.tokenizer = new Tokenizer(card.tokens);
    this.normalizer = card.normalizer; // or null
    this.pooling = card.pooling;
    this.maxLength = card.max_length;
    this.labelNames = card.label_names;
  }

  states() {
    return new States(this.gpt.config);
  }

  /* The tokens that are read; an empty text is one end token. */
  encode(text) {
    const ids = this.tokenizer.encode(normalize(text, this.normalizer), this.maxLength);
    return ids.length ? ids : [this.tokenizer.endOfText];
  }

  /* Whether a text is longer than what is read of it. */
  isCut(text) {
    const most = this.maxLength;
    const ids = this.tokenizer.encode(normalize(text, this.normalizer), most + 1);
    return ids.length > most;
  }

  /* (K,) logits of the first `length` tokens, as the head reads them after some
     blocks. The states must be those of `gpt.reading`. */
  logits(states, length, blocks) {
    const vectors = (t) => this.gpt.hidden(states, t < 0 ? length + t : t, blocks);
    return [...this.head.forward(POOLINGS[this.pooling](vectors, length))];
  }

  /* (K,) logits of a text: all of the above in one call. */
  forward(text, states = this.states()) {
    const ids = this.encode(text);
    finish(this.gpt.reading(ids, states));
    return this.logits(states, ids.length);
  }
}

/* Run a function with pauses to its end, without them. */
function finish(paused) {
  let step = paused.next();
  while (!step.done) step = paused.next();
  return step.value;
}

function softmax(logits) {
  const highest = Math.max(...logits);
  const shares = logits.map((logit) => Math.exp(logit - highest));
  const sum = shares.reduce((a, b) => a + b);
  return shares.map((share) => share / sum);
}

/* ---------------------------------------------------------------- the verdict */

const NO_CLASS = -1; // the model is unsure

/* What the model does with its logits: temperature, then threshold. */
class DecisionRule {
  /* With a `threshold` class `alarm` is predicted only above it, 0..1. */
  constructor(temperature = 1, alarm = NO_CLASS, threshold = 0) {
    Object.assign(this, { temperature, alarm, threshold });
  }

  /* (K,) logits -> (K,) calibrated probabilities. */
  probabilities(logits) {
    return softmax(logits.map((logit) => logit / this.temperature));
  }

  /* (K,) probabilities -> a class, or none where it is not sure enough. */
  decide(shares) {
    const best = (some) => some.indexOf(Math.max(...some));
    if (this.alarm === NO_CLASS) return best(shares);
    if (shares[this.alarm] > this.threshold) return this.alarm;
    const other = best(shares.map((share, k) => (k === this.alarm ? -1 : share)));
    return shares[other] > shares[this.alarm] ? other : NO_CLASS;
  }
}

/* How far class k is ahead: its logit minus the mean of the others'. */
function score(logits, k) {
  const sum = logits.reduce((a, b) => a + b);
  return logits[k] - (sum - logits[k]) / (logits.length - 1);
}

/* ---------------------------------------------------------------- explanations */

/* Remove each token, close the gap: how much does the score of class k drop? Tells
   `found(t, drop)` one by one, from the last token to the first, so that what stands
   before the gap is known from the one before; pauses as `reading` does. `scoreOf` is
   given ids and says, with pauses, what their logits are. */
function* leaveOneOut(ids, k, scoreOf, endOfText, found) {
  const whole = score(yield* scoreOf(ids), k);
  for (let t = ids.length - 1; t >= 0; t--) {
    const rest = ids.filter((_, place) => place !== t);
    const without = yield* scoreOf(rest.length ? rest : [endOfText]);
    found(t, whole - score(without, k));
  }
}

/* ---------------------------------------------------------------- the numbers */

/* A safetensors file: the length of its header in 8 bytes, the header in JSON, then the
   numbers of one tensor after the other. */
function readTensors(bytes) {
  const KINDS = { F32: Float32Array, I32: Int32Array, I8: Int8Array, U8: Uint8Array };
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  delete header.__metadata__;
  return Object.fromEntries(
    Object.entries(header).map(([name, { dtype, data_offsets: [start, end] }]) => [
      name,
      new KINDS[dtype](bytes.buffer.slice(8 + length + start, 8 + length + end)),
    ]),
  );
}

/* The numbers of a tensor as they were before they were made small; null if there is no
   such tensor. */
function dequantize(tensors, name, nf4) {
  if (`${name}.scale` in tensors) return fromInt8(tensors[name], tensors[`${name}.scale`]);
  if (`${name}.codes` in tensors) return fromNF4(tensors, name, nf4);
  return tensors[name] ?? null;
}

/* Whole numbers from -127 to 127 times their row's scale. */
function fromInt8(codes, scales) {
  const width = codes.length / scales.length;
  const numbers = new Float32Array(codes.length);
  for (let row = 0, i = 0; row < scales.length; row++) {
    for (const end = i + width; i < end; i++) numbers[i] = codes[i] * scales[row];
  }
  return numbers;
}

/* 4 bits a number, two a byte: the place of one of 16 levels; 64 numbers share a scale,
   which is itself one of 256 levels, of which 256 share a scale. See nf4.py. */
function fromNF4(tensors, name, { levels, scale_levels }) {
  const [codes, scales, most, mean] = ["codes", "scales", "scale_max", "scale_mean"].map(
    (part) => tensors[`${name}.${part}`],
  );
  const numbers = new Float32Array(2 * codes.length);
  for (let i = 0; i < numbers.length; i++) {
    const block = Math.floor(i / 64);
    const scale = scale_levels[scales[block]] * most[Math.floor(block / 256)];
    const code = i % 2 ? codes[i >> 1] & 15 : codes[i >> 1] >> 4;
    numbers[i] = levels[code] * Math.fround(Math.fround(scale) + mean[0]);
  }
  return numbers;
}

/* Base64 -> bytes. */
function fromBase64(text) {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}
