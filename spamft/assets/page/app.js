/* app.js: what is on the page. The model itself is in gpt.js.

   Whatever a user writes reaches the page by textContent, value and setAttribute alone:
   it is never markup. Long work is done in small pieces, so that typing never waits. */
"use strict";

/* ---------------------------------------------------------------- the model */

const byId = (id) => document.getElementById(id);
const card = JSON.parse(byId("card").textContent);
const tensors = readTensors(fromBase64(byId("weights").textContent));
const model = new GPTClassifier(card, tensors);
byId("weights").remove(); // its numbers are in the model now

const names = model.labelNames;
const isBinary = names.length === 2;
const CLASS = card.alarm; // the class that orange speaks for, where there are two
const OWN_READING = {
  last_real: ["the last token of the message", "the last column, padding or not"],
  mean: ["the mean of the message's tokens", "the mean of all columns, padding too"],
}[model.pooling];

/* What the controls say. */
const settings = {
  padding: 0, // tokens after the message
  readsAll: false, // as if the padding were a part of the message
  temperature: card.rule.temperature,
  alarm: card.alarm,
  holdsBack: card.rule.threshold !== null,
  threshold: card.rule.threshold?.value ?? 0.5,
  share: 0.1, // of all messages that are of the class `alarm`
};

function rule() {
  const alarm = settings.holdsBack ? settings.alarm : NO_CLASS;
  return new DecisionRule(settings.temperature, alarm, settings.threshold);
}

/* (K,) logits -> {k, shares, label, share}: what is shown of them. */
function verdictOf(logits) {
  const shares = rule().probabilities(logits);
  const k = rule().decide(shares);
  const share = k === NO_CLASS ? Math.max(...shares) : shares[k];
  return { k, shares, share, label: k === NO_CLASS ? "unsure" : names[k] };
}

/* The class that a message's colors speak for: of two always the same. */
function classFor(logits) {
  return isBinary ? CLASS : logits.indexOf(Math.max(...logits));
}

/* ---------------------------------------------------------------- small things */

/* <tag class="...">children</tag>; texts stay texts. */
function make(tag, className = "", ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/* As plumbing/display.py: a symbol for each character that would act. */
function visible(text) {
  const acting =
    /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]/gu;
  return text.replace(acting, (character) => {
    const code = character.codePointAt(0);
    if (code < 32) return String.fromCodePoint(0x2400 + code);
    if (code === 127) return "\u2421";
    return `<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`;
  });
}

function percent(share) {
  if (share > 0.999 && share < 1) return "> 99.9 %";
  if (share < 0.001 && share > 0) return "< 0.1 %";
  const digits = share > 0.01 && share < 0.99 ? 0 : 1;
  return `${(100 * share).toFixed(digits).replace(/\.0$/, "")} %`;
}

const count = (number) => number.toLocaleString("en");
const pause = () => new Promise((done) => setTimeout(done));

/* Run a function with pauses, and let the browser work in them; undefined if what it
   is for `isStale` meanwhile. */
async function slowly(paused, isStale) {
  let since = performance.now();
  for (;;) {
    const step = paused.next();
    if (step.done) return step.value;
    if (performance.now() - since < 12) continue; // milliseconds
    await pause();
    if (isStale()) return undefined;
    since = performance.now();
  }
}

/* Let the arrows move among the buttons in `box`, of which Tab reaches one. */
function moveByArrows(box) {
  const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
  box.addEventListener("keydown", (event) => {
    if (!(event.key in steps)) return;
    const buttons = [...box.children];
    const place = buttons.indexOf(document.activeElement) + steps[event.key];
    const next = buttons[Math.max(0, Math.min(place, buttons.length - 1))];
    buttons.forEach((button) => (button.tabIndex = button === next ? 0 : -1));
    next.focus();
    event.preventDefault();
  });
}

/* ---------------------------------------------------------------- edits */

/* What should change no verdict. The letters are those of insight/edits.py: most fonts
   draw Cyrillic ones, and a Greek one, as the Latin ones. */
const LATIN = [..."aceijopsxyABCEHIKMOPTX"];
const LOOK_ALIKES = [..."асеіјοрѕхуАВСЕНІКМОРТХ"];
const lookAlike = (letter) => LOOK_ALIKES[LATIN.indexOf(letter)] ?? letter;
const EDITS = {
  "Full stop": (text) => (text.endsWith(".") ? text.replace(/\.+$/, "") : `${text}.`),
  "Link at the end": (text) => `${text} http://example.com`,
  "Look-alike letters": (text) => text.replace(/[a-z]/gi, lookAlike),
  "UPPER CASE": (text) => text.toUpperCase(),
  "lower case": (text) => text.toLowerCase(),
};

/* ---------------------------------------------------------------- a message */

class Message {
  constructor(number, text) {
    const copy = byId("message-template").content.cloneNode(true);
    this.box = copy.querySelector(".message");
    this.part = (name) => this.box.querySelector(`.${name}`);
    this.number = number;
    this.states = model.states(); // of the message
    this.tried = model.states(); // of what it is compared with
    this.turn = 0; // counts changes, so that work for an older one stops
    this.earlier = []; // texts, for undo
    this.typed = -Infinity; // when, in milliseconds
    this.contributions = [];
    byId("messages").append(copy);
    this.curve = make("figure", "curve");
    byId("curves").append(this.curve);
    this.prepare(text);
  }

  prepare(text) {
    const box = this.part("text").querySelector("textarea");
    box.value = text;
    box.addEventListener("input", () => {
      // keys that follow each other closely are one change
      if (performance.now() - this.typed > 1500) this.keep();
      this.typed = performance.now();
      this.change(box.value);
    });
    this.part("name").textContent = `Message ${this.number}`;
    this.area = box;
    this.text = text;
    this.prepareEdits();
    this.prepareAttention();
    for (const name of ["contributions", "attention"]) moveByArrows(this.part(name));
  }

  prepareEdits() {
    this.editButtons = Object.entries(EDITS).map(([name, edit]) => {
      const button = make("button", "", name, make("span", "outcome"));
      button.type = "button";
      button.addEventListener("click", () => this.write(edit(this.text)));
      return button;
    });
    this.undo = make("button", "", "Undo");
    this.undo.type = "button";
    this.undo.addEventListener("click", () => this.put(this.earlier.pop()));
    this.part("edits").append(...this.editButtons, this.undo);
  }

  prepareAttention() {
    const { n_layers, n_heads } = card.gpt;
    const options = (total) =>
      Array.from({ length: total }, (_, i) => new Option(String(i), String(i)));
    this.part("block").append(...options(n_layers));
    this.part("block").value = String(n_layers - 1);
    this.part("head").append(new Option("all, on average", "all"), ...options(n_heads));
    for (const name of ["block", "head"]) {
      this.part(name).addEventListener("change", () => this.showAttention());
    }
  }

  /* Put a text into the box; undo brings the old one back. */
  write(text) {
    if (text === this.text) return;
    this.keep();
    this.put(text);
  }

  /* The next change begins here. */
  keep() {
    this.earlier.push(this.text);
    this.before = this.logits;
  }

  put(text) {
    this.typed = -Infinity;
    this.before = this.logits;
    this.area.value = text;
    this.change(text);
  }

  change(text) {
    this.text = text;
    this.update();
  }

  /* ids -> those of them and the padding, and how many of these the head reads. */
  columns(ids) {
    const room = card.gpt.context_length - ids.length;
    const padding = Array(Math.min(settings.padding, room)).fill(model.tokenizer.endOfText);
    const all = [...ids, ...padding];
    return { all, read: settings.readsAll ? all.length : ids.length };
  }

  /* ids -> (K,) logits, with pauses; padding that is not read is left out. */
  *logitsOf(ids, states = this.tried) {
    const { all, read } = this.columns(ids);
    yield* model.gpt.reading(all.slice(0, read), states);
    return model.logits(states, read);
  }

  /* Everything anew, the most important first. */
  async update() {
    const turn = ++this.turn;
    const isStale = () => turn !== this.turn;
    this.edited = []; // logits after each edit, once they are known
    this.padded = null; // logits with 0, 1, 2 ... padding tokens
    const ids = model.encode(this.text);
    const { all, read } = this.columns(ids);
    await slowly(model.gpt.reading(all, this.states), isStale);
    if (isStale()) return;
    const known = this.shared(ids);
    this.contributions = this.contributions.slice(0, known);
    this.fresh = []; // which contributions are of this text
    Object.assign(this, { ids, all, read, logits: model.logits(this.states, read) });
    this.show();
    await this.findContributions(isStale);
    await this.tryEdits(isStale);
    await this.drawCurve(isStale);
  }

  /* How many tokens begin both these and those that are shown. */
  shared(ids) {
    const old = this.ids ?? [];
    let t = 0;
    while (t < ids.length && ids[t] === old[t]) t++;
    return t;
  }

  show() {
    this.showVerdict();
    this.showTokens();
    this.showBlocks();
    this.showWords();
    this.showAttention();
    this.showEdits();
    this.showCurve();
  }

  showVerdict() {
    const { k, shares, share, label } = verdictOf(this.logits);
    const tone = k === NO_CLASS ? "" : this.tone(k);
    const name = make("span", tone, visible(label));
    const shown = make("span", "share", ` ${percent(share)}`);
    const parts = [name, shown];
    if (k === NO_CLASS) {
      const likely = names[shares.indexOf(share)];
      shown.textContent = `: ${visible(likely)} ${percent(share)} is not enough`;
    }
    this.part("verdict").replaceChildren(...parts);
    this.showShares(shares);
    this.showChange();
    const cut = this.part("cut");
    cut.hidden = !model.isCut(this.text);
    cut.textContent = `It reads the first ${count(model.maxLength)} tokens, as in training; the rest is cut off.`;
    this.undo.disabled = !this.earlier.length;
  }

  /* "for" if the colors speak for class k, else "against". */
  tone(k) {
    return k === classFor(this.logits) ? "for" : "against";
  }

  showShares(shares) {
    const order = shares.map((_, k) => k);
    if (!isBinary) order.sort((a, b) => shares[b] - shares[a]);
    const rows = order.slice(0, 6).map((k) => {
      const bar = bars(this.tone(k), 0, shares[k]);
      const term = make("dt", "", visible(names[k]));
      return make("div", "", term, make("dd", "", bar), make("dd", "", percent(shares[k])));
    });
    this.part("shares").replaceChildren(...rows);
  }

  /* What the last change did. */
  showChange() {
    const line = this.part("since");
    line.hidden = !this.before;
    if (line.hidden) return;
    const [old, now] = [this.before, this.logits].map(verdictOf);
    line.replaceChildren(`Before your last change: ${visible(old.label)} ${percent(old.share)}. `);
    if (old.k !== now.k) line.append(make("strong", "", "It flipped."));
  }

  /* ------------------------------------------------ tokens */

  showTokens() {
    const box = this.part("contributions");
    const had = box.contains(document.activeElement);
    this.here = this.all.map((_, t) => this.readHere(t));
    this.buttons = this.all.map((id, t) => this.tokenButton(id, t));
    this.buttons.forEach((button, t) => {
      const show = () => this.showDetail(t);
      for (const event of ["focus", "mouseenter", "click"]) button.addEventListener(event, show);
    });
    box.setAttribute("aria-label", "Tokens and what they contribute");
    box.replaceChildren(...this.buttons);
    if (had) this.buttons[0].focus();
    const speaks = visible(names[classFor(this.logits)]);
    const others = isBinary ? visible(names[1 - CLASS]) : "the others";
    this.part("contributions-hint").replaceChildren(
      make("span", "for", `Orange, with a line, speaks for ${speaks}`),
      ", ",
      make("span", "against", `blue, with dots, for ${others}`),
      ": how far the score, a logit, falls or rises if the token is left out. Below: the strongest, or the one you point at. ",
      model.pooling === "mean" ? "All are read." : "The framed one is read.",
    );
    this.colorTokens();
  }

  tokenButton(id, t) {
    const isPadding = t >= this.ids.length;
    const button = make("button", isPadding ? "token padding" : "token");
    button.type = "button";
    button.tabIndex = t ? -1 : 0;
    button.textContent = isPadding ? "pad" : visible(model.tokenizer.decode(id));
    const isRead = model.pooling === "mean" ? t < this.read : t === this.read - 1;
    if (isRead && model.pooling !== "mean") button.classList.add("read");
    return button;
  }

  async findContributions(isStale) {
    const k = classFor(this.logits);
    const found = (t, drop) => {
      if (isStale()) return;
      this.contributions[t] = drop;
      this.fresh[t] = true;
      this.colorTokens();
    };
    const scoreOf = (ids) => this.logitsOf(ids);
    const end = model.tokenizer.endOfText;
    await slowly(leaveOneOut(this.ids, k, scoreOf, end, found), isStale);
    if (!isStale()) this.showDetail();
  }

  colorTokens() {
    const drops = this.contributions.map((drop) => Math.abs(drop ?? 0));
    const most = Math.max(0.5, ...drops); // half a logit: less is no strong color
    this.buttons.slice(0, this.ids.length).forEach((button, t) => {
      const drop = this.contributions[t] ?? 0;
      const weight = Math.min(1, Math.abs(drop) / most);
      button.classList.toggle("for", drop > 0);
      button.classList.toggle("against", drop < 0);
      button.classList.toggle("weak", weight < 0.15);
      button.classList.toggle("waiting", !this.fresh[t]);
      button.style.setProperty("--weight", weight.toFixed(3));
      button.setAttribute("aria-label", this.detail(t));
    });
    this.buttons.slice(this.ids.length).forEach((button, p) => {
      button.setAttribute("aria-label", this.detail(this.ids.length + p));
    });
  }

  /* One token in words, by default the one that contributes most. */
  showDetail(t) {
    if (t === undefined) {
      const drops = this.contributions.map(Math.abs);
      t = drops.indexOf(Math.max(...drops));
    }
    this.part("contributions-detail").textContent = t < 0 ? "" : this.detail(t);
  }

  detail(t) {
    if (t >= this.ids.length) {
      return `Padding ${t - this.ids.length + 1}. ${this.here[t]}`;
    }
    const drop = this.contributions[t];
    const token = `Token ${t + 1} of ${this.ids.length}, ${this.quoted(t)}`;
    if (drop === undefined) return `${token}. ${this.here[t]}`;
    const k = classFor(this.logits);
    const change = drop < 0 ? "rises" : "drops";
    const size = Math.abs(drop).toFixed(2);
    return `${token}: without it the score for ${visible(names[k])} ${change} by ${size}. ${this.here[t]}`;
  }

  quoted(t) {
    if (t >= this.ids.length) return `padding ${t - this.ids.length + 1}`;
    return `\u201c${visible(model.tokenizer.decode(this.ids[t]))}\u201d`;
  }

  /* What the head would say if it read up to here. */
  readHere(t) {
    const { label, share } = verdictOf(model.logits(this.states, t + 1));
    return `Read here, the verdict would be ${visible(label)} ${percent(share)}.`;
  }

  /* ------------------------------------------------ blocks, words, attention */

  showBlocks() {
    const k = classFor(this.logits);
    const rows = this.states.x.map((_, b) => {
      const logits = model.logits(this.states, this.read, b);
      const { label, share, shares } = verdictOf(logits);
      const [from, to] = isBinary ? [0.5, shares[k]] : [0, shares[k]];
      const bar = bars(shares[k] > from ? "for" : "against", from, to);
      if (isBinary) bar.classList.add("middle");
      const name = b ? `after block ${b - 1}` : "before any";
      return make("li", "", make("span", "", name), bar, make("span", "", `${visible(label)} ${percent(share)}`));
    });
    this.part("blocks").replaceChildren(...rows);
  }

  showWords() {
    const logits = [...model.gpt.logits(model.gpt.hidden(this.states, this.read - 1))];
    const shares = softmax(logits);
    const order = shares.map((_, id) => id).sort((a, b) => shares[b] - shares[a]);
    const words = order.slice(0, 10).map((id) => {
      const token = model.tokenizer.decode(id);
      const share = make("span", "outcome", ` ${percent(shares[id])}`);
      const button = make("button", "", visible(token).replace(/^ /, "\u00a0"), share);
      button.type = "button";
      button.setAttribute("aria-label", `Add \u201c${visible(token)}\u201d, ${percent(shares[id])}`);
      if (id !== model.tokenizer.endOfText) {
        button.addEventListener("click", () => this.write(this.text + token));
      }
      return make("li", "", button);
    });
    this.part("next-hint").textContent =
      "It is still a GPT: the token that is read also says how the text goes on. " +
      "Training for labels may have spoilt that.";
    this.part("words").replaceChildren(...words);
  }

  showAttention() {
    const box = this.part("attention");
    box.setAttribute("aria-label", "Tokens and what they attend to");
    this.lookers = this.all.map((id, t) => {
      const button = this.tokenButton(id, t);
      for (const event of ["focus", "mouseenter", "click"]) {
        button.addEventListener(event, () => this.lookFrom(t));
      }
      return button;
    });
    box.replaceChildren(...this.lookers);
    this.lookFrom(this.read - 1);
  }

  /* (t + 1) shares: how much token t takes from each, with the chosen head. */
  attention(t) {
    const b = Number(this.part("block").value);
    const { attention } = model.gpt.blocks[b];
    const head = this.part("head").value;
    const heads = head === "all" ? [...Array(attention.heads).keys()] : [Number(head)];
    const each = heads.map((h) => attention.weights(this.states.past[b], t, h));
    return each[0].map((_, s) => each.reduce((sum, some) => sum + some[s], 0) / heads.length);
  }

  lookFrom(t) {
    const shares = this.attention(t);
    const most = Math.max(...shares);
    this.lookers.forEach((button, s) => {
      button.style.setProperty("--weight", s <= t ? (shares[s] / most).toFixed(3) : "0");
      button.classList.toggle("asking", s === t);
      button.classList.toggle("unseen-by", s > t);
    });
    const order = shares.map((_, s) => s).sort((a, b) => shares[b] - shares[a]);
    const from = (s) => `${percent(shares[s])} from ${s === t ? "itself" : this.quoted(s)}`;
    const line = `${this.quoted(t)} takes ${order.slice(0, 4).map(from).join(", ")}.`;
    this.lookers[t].setAttribute("aria-label", line);
    this.part("attention-detail").textContent = line;
  }

  /* ------------------------------------------------ edits and padding */

  async tryEdits(isStale) {
    if (isStale()) return;
    const edits = Object.values(EDITS);
    for (const [i, edit] of edits.entries()) {
      const ids = model.encode(edit(this.text));
      const logits = await slowly(this.logitsOf(ids), isStale);
      if (isStale()) return;
      this.edited[i] = logits;
      this.showEdits();
    }
  }

  /* Where each edit would lead, as far as that is known. */
  showEdits() {
    const now = verdictOf(this.logits);
    this.editButtons.forEach((button, i) => {
      const then = this.edited[i] && verdictOf(this.edited[i]);
      const flips = Boolean(then) && now.k !== then.k;
      button.classList.toggle("flips", flips);
      button.querySelector(".outcome").textContent = then
        ? `${flips ? "flips: " : ""}${visible(then.label)} ${percent(then.share)}`
        : "\u2026";
    });
  }

  /* The probability by how many padding tokens there are, for both ways of reading. */
  async drawCurve(isStale) {
    if (isStale()) return;
    const most = Math.min(Number(byId("padding").max), card.gpt.context_length - this.ids.length);
    const padding = Array(most).fill(model.tokenizer.endOfText);
    await slowly(model.gpt.reading([...this.ids, ...padding], this.tried), isStale);
    if (isStale()) return;
    const at = (_, n) => model.logits(this.tried, this.ids.length + n);
    this.padded = Array.from({ length: most + 1 }, at);
    this.showCurve();
  }

  showCurve() {
    if (!this.padded) return;
    const k = classFor(this.logits);
    const shares = this.padded.map((logits) => rule().probabilities(logits)[k]);
    const [low, high] = [Math.min(...shares), Math.max(...shares)].map(percent);
    const n = Math.min(settings.padding, shares.length - 1);
    const [own, all] = [this.padded[0], this.padded[n]].map(verdictOf);
    const tell = (verdict) => `${visible(verdict.label)} ${percent(verdict.share)}`;
    const caption = make(
      "figcaption",
      "",
      `Message ${this.number}, probability of ${visible(names[k])} by padding tokens. With ${n}: `,
      make("strong", "", `${tell(own)}, or ${tell(all)} with ${OWN_READING[1]}`),
      own.k === all.k ? "." : ": the padding alone flipped it.",
    );
    const words = `Without padding ${percent(shares[0])}. With ${OWN_READING[0]} read it stays so. With ${OWN_READING[1]} it lies between ${low} and ${high}.`;
    this.curve.replaceChildren(caption, plotCurve(shares, settings.padding, words));
  }
}

/* A bar from one share to another. */
function bars(tone, from, to) {
  const fill = make("span");
  fill.style.setProperty("left", `${100 * Math.min(from, to)}%`);
  fill.style.setProperty("width", `${100 * Math.abs(to - from)}%`);
  const bar = make("div", `bar ${tone}`, fill);
  bar.setAttribute("aria-hidden", "true"); // the number stands beside it
  return bar;
}

/* Shares 0..1 as a line, dashed, beside the first of them, straight. */
function plotCurve(shares, here, words) {
  const [width, height, left, top, bottom] = [400, 140, 48, 8, 24];
  const x = (n) => left + ((width - left - 8) * n) / Math.max(1, shares.length - 1);
  const y = (share) => top + (height - top - bottom) * (1 - share);
  const draw = (tag, attributes, text = "") => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.textContent = text;
    return element;
  };
  const line = (name, x1, y1, x2, y2) => draw("line", { class: name, x1, y1, x2, y2 });
  const path = (name, some) =>
    draw("polyline", { class: name, points: some.map((share, n) => `${x(n)},${y(share)}`).join(" ") });
  const picture = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words });
  for (const share of [0, 0.5, 1]) {
    picture.append(line("grid", left, y(share), width - 8, y(share)));
    picture.append(draw("text", { x: left - 6, y: y(share) + 4, "text-anchor": "end" }, `${100 * share} %`));
  }
  for (const n of [0, shares.length - 1]) {
    picture.append(draw("text", { x: x(n), y: height - 6, "text-anchor": n ? "end" : "start" }, String(n)));
  }
  picture.append(line("here", x(Math.min(here, shares.length - 1)), top, x(Math.min(here, shares.length - 1)), height - bottom));
  picture.append(path("dashed", shares), path("", shares.map(() => shares[0])));
  return picture;
}

/* ---------------------------------------------------------------- the page */

const messages = [new Message(1, card.example)];

function compare() {
  if (messages.length === 1) {
    messages.push(new Message(2, messages[0].text));
    messages[1].update();
  } else {
    const second = messages.pop();
    second.turn++; // its work stops
    second.box.remove();
    second.curve.remove();
  }
  document.body.classList.toggle("pair", messages.length === 2);
  byId("compare").textContent =
    messages.length === 2 ? "Remove the second message" : "Compare with a second message";
}

/* New settings of padding need the model anew, the others only what is shown. */
function onSettings(needsModel) {
  showSettings();
  for (const message of messages) {
    if (needsModel) message.update();
    else if (message.logits) message.show();
  }
  if (table.logits.length) showRows();
  if (table.isDone) finishTable();
}

function showSettings() {
  const alarm = visible(names[settings.alarm]);
  byId("padding-value").textContent = count(settings.padding);
  byId("temperature-value").textContent = settings.temperature.toFixed(2);
  byId("threshold-value").textContent = settings.holdsBack ? percent(settings.threshold) : "off";
  byId("threshold").disabled = !settings.holdsBack;
  byId("share-name").textContent = `Share of ${alarm} in all messages`;
  byId("share-value").textContent = percent(settings.share);
  byId("holds-back-name").textContent = `Predict ${alarm} only above a threshold`;
  showMeasured();
}

/* ---------------------------------------------------------------- the test part */

/* How the rule treats the messages of the test part: see insight/alarms.py. */
function countAlarms(k) {
  const found = { own: 0, caught: 0, others: 0, alarms: 0, unsure: 0, right: 0 };
  const labels = tensors["test.labels"];
  const logits = tensors["test.logits"];
  labels.forEach((label, n) => {
    const row = [...logits.subarray(n * names.length, (n + 1) * names.length)];
    const predicted = rule().decide(rule().probabilities(row));
    const isOwn = label === k;
    found[isOwn ? "own" : "others"]++;
    if (predicted === k) found[isOwn ? "caught" : "alarms"]++;
    if (predicted === NO_CLASS) found.unsure++;
    if (predicted === label) found.right++;
  });
  return found;
}

/* Wilson's 95 % interval of the share `hits / of`. */
function wilson(hits, of) {
  const z = 1.959964;
  const middle = (hits + (z * z) / 2) / (of + z * z);
  const half = (z * Math.sqrt((hits * (of - hits)) / of + (z * z) / 4)) / (of + z * z);
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

/* Of the messages that are predicted as the class, how many are? */
function precision(recall, alarms, share) {
  const caught = share * recall;
  const predicted = caught + (1 - share) * alarms;
  return predicted ? caught / predicted : 0;
}

function showMeasured() {
  const box = byId("measured");
  if (!tensors["test.labels"]) {
    byId("share-field").hidden = true;
    box.replaceChildren(make("p", "hint", "This model came without a test part, so nothing can be said of its precision."));
    return;
  }
  const { own, caught, others, alarms, unsure, right } = countAlarms(settings.alarm);
  const name = visible(names[settings.alarm]);
  const total = own + others;
  const lines = [
    `Of the ${count(total)} messages of the test part: caught ${count(caught)} of ${count(own)} ${name}; ` +
      `false alarms ${count(alarms)} of ${count(others)} others; unsure ${count(unsure)}; right ${percent(right / total)}.`,
  ];
  if (own && others) lines.unshift(...sharesInWords(caught / own, alarms / others, wilson(caught, own), wilson(alarms, others)));
  const [first, ...rest] = lines;
  box.replaceChildren(make("p", "large", first), ...rest.map((line) => make("p", "hint", line)));
}

function sharesInWords(recall, alarms, recalls, falses) {
  const name = visible(names[settings.alarm]);
  const of = 10000;
  const own = Math.round(of * settings.share);
  const whole = precision(recall, alarms, settings.share);
  const low = precision(recalls[0], falses[1], settings.share);
  const high = precision(recalls[1], falses[0], settings.share);
  const hits = Math.round(own * recall);
  const wrong = Math.round((of - own) * alarms);
  return [
    recall || alarms
      ? `Where ${percent(settings.share)} of all messages are ${name}, ${percent(whole)} of those that it predicts as ${name} are.`
      : `It predicts nothing as ${name}.`,
    `Of ${count(of)} messages ${count(own)} are ${name}: ${count(hits)} are caught, ${count(own - hits)} are not. ` +
      `Of the ${count(of - own)} others ${count(wrong)} are false alarms. So few test messages leave room: ` +
      `the precision may lie between ${percent(low)} and ${percent(high)}.`,
  ];
}

/* ---------------------------------------------------------------- a file */

/* A table as text -> its rows of cells: quotes as in RFC 4180, the delimiter is the one
   of , ; and tab that the first line has most of. */
function parseTable(text) {
  const first = text.slice(0, text.search(/[\r\n]|$/));
  const numberOf = (mark) => first.split(mark).length;
  const [delimiter] = [",", ";", "\t"].sort((a, b) => numberOf(b) - numberOf(a));
  const rows = [];
  let row = [];
  let cell = "";
  let quoted = false;
  const endCell = () => (row.push(cell), (cell = ""));
  const endRow = () => {
    endCell();
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
  };
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted && c === '"' && text[i + 1] === '"') cell += text[i++];
    else if (quoted && c === '"') quoted = false;
    else if (quoted) cell += c;
    else if (c === '"' && cell === "") quoted = true;
    else if (c === delimiter) endCell();
    else if (c === "\n" || (c === "\r" && text[i + 1] !== "\n")) endRow();
    else if (c !== "\r") cell += c;
  }
  if (cell !== "" || row.length) endRow();
  if (quoted) throw new Error("a quotation mark is opened and never closed");
  return rows;
}

/* The column that most probably has the messages. */
function guessColumn(rows, hasNames) {
  const known = [...card.text_columns, "text", "message", "sms", "body", "content"];
  const header = hasNames ? rows[0].map((name) => name.trim().toLowerCase()) : [];
  for (const name of known) {
    const place = header.indexOf(name.toLowerCase());
    if (place >= 0) return place;
  }
  const lengths = rows[0].map((_, c) => rows.reduce((sum, row) => sum + (row[c] ?? "").length, 0));
  return lengths.indexOf(Math.max(...lengths));
}

/* As plumbing/display.py: an apostrophe before what a spreadsheet would compute. */
function markFormula(cell) {
  // Python's \s and \d, written out
  const isFormula =
    /^'*[\p{White_Space}\x1c-\x1f]*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/u.test(cell);
  const isNumber =
    /^[+-]?(\p{Nd}+([.,]\p{Nd}*)?|[.,]\p{Nd}+)([eE][+-]?\p{Nd}{1,4})?$/u.test(cell);
  return isFormula && !isNumber ? `'${cell}` : cell;
}

function toCsv(rows) {
  const quote = (cell) => (/[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  return rows.map((row) => `${row.map((cell) => quote(markFormula(cell))).join(",")}\n`).join("");
}

const table = { rows: [], logits: [], isDone: false, turn: 0, name: "" };
const SHOWN = 50; // rows

async function openFile(file) {
  complain("");
  byId("table").hidden = true;
  table.turn++;
  try {
    const bytes = await file.arrayBuffer();
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const rows = parseTable(text);
    if (!rows.length) throw new Error("it is empty");
    Object.assign(table, { rows, name: file.name });
  } catch (error) {
    const why = error instanceof TypeError ? "it is not UTF-8: save it as CSV UTF-8" : error.message;
    complain(`${visible(file.name)} cannot be read: ${why}.`);
    return;
  }
  const hasNames = table.rows.length > 1 && table.rows[0].every((cell) => cell.length < 40);
  byId("names").checked = hasNames;
  showColumns(guessColumn(table.rows, hasNames));
  byId("table").hidden = false;
}

function complain(line) {
  byId("file-error").hidden = !line;
  byId("file-error").textContent = line;
}

/* The first row, or names for the columns. */
function header() {
  if (byId("names").checked) return table.rows[0];
  return table.rows[0].map((_, c) => `column ${c + 1}`);
}

const body = () => table.rows.slice(byId("names").checked ? 1 : 0);
const textOf = (row) => row[Number(byId("column").value)] ?? "";

function showColumns(chosen) {
  const options = header().map((name, c) => new Option(visible(name), String(c)));
  byId("column").replaceChildren(...options);
  byId("column").value = String(chosen);
  clearVerdicts();
}

function clearVerdicts() {
  table.turn++;
  table.isDone = false;
  table.logits = [];
  byId("save").hidden = byId("stop").hidden = true;
  byId("score").hidden = false;
  byId("progress").textContent = `${count(body().length)} messages.`;
  showRows();
}

function showRows() {
  const heads = ["predicted", "probability", "message"].map((name) => make("th", "", name));
  byId("rows-head").replaceChildren(make("tr", "", ...heads));
  const rows = body().slice(0, SHOWN).map((row, n) => {
    const verdict = table.logits[n] && verdictOf(table.logits[n]);
    const label = make("td", "", verdict ? visible(verdict.label) : "");
    const share = make("td", "number", verdict ? percent(verdict.share) : "");
    return make("tr", "", label, share, make("td", "", visible(textOf(row))));
  });
  byId("rows").replaceChildren(...rows);
}

/* Classify every row; the same text once. */
async function scoreTable() {
  clearVerdicts();
  const { turn } = table;
  const isStale = () => turn !== table.turn;
  const states = model.states();
  const known = new Map();
  const rows = body();
  const began = performance.now();
  byId("score").hidden = true;
  byId("stop").hidden = false;
  for (const [n, row] of rows.entries()) {
    const text = textOf(row);
    if (!known.has(text)) {
      const ids = model.encode(text);
      await slowly(model.gpt.reading(ids, states), isStale);
      if (isStale()) return;
      known.set(text, model.logits(states, ids.length));
    }
    table.logits.push(known.get(text));
    if (n % 10 === 9) {
      await pause(); // also where every row was known
      if (isStale()) return;
      const left = ((performance.now() - began) / (n + 1)) * (rows.length - n - 1);
      byId("progress").textContent = `${count(n + 1)} of ${count(rows.length)}, ${Math.ceil(left / 1000)} seconds left.`;
      if (n < SHOWN) showRows();
    }
  }
  table.isDone = true;
  finishTable();
}

function finishTable() {
  const counts = new Map();
  for (const logits of table.logits) {
    const { label } = verdictOf(logits);
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  const told = [...counts].map(([label, number]) => `${count(number)} ${visible(label)}`);
  byId("progress").textContent = `${count(table.logits.length)} messages: ${told.join(", ")}.`;
  byId("stop").hidden = true;
  byId("score").hidden = byId("save").hidden = false;
  showRows();
}

/* The file's columns and, after them, what is predicted. */
function resultRows() {
  const added = ["predicted", ...names.map((name) => `probability_${name}`)];
  const taken = added.find((name) => header().includes(name));
  if (taken) throw new Error(`the file already has the column ${visible(taken)}`);
  const width = header().length;
  const cells = (row) => Array.from({ length: width }, (_, c) => row[c] ?? "");
  return [
    [...header(), ...added],
    ...body().map((row, n) => {
      const { label, shares } = verdictOf(table.logits[n]);
      return [...cells(row), label, ...shares.map((share) => share.toFixed(6))];
    }),
  ];
}

function saveTable() {
  try {
    const blob = new Blob([toCsv(resultRows())], { type: "text/csv;charset=utf-8" });
    const link = make("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${table.name.replace(/\.\w+$/, "")}-predicted.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  } catch (error) {
    complain(`It cannot be saved: ${error.message}.`);
  }
}

/* ---------------------------------------------------------------- wiring */

function wireReading() {
  byId("padding").max = String(Math.min(40, card.gpt.context_length - 1));
  [byId("read-own-name").textContent, byId("read-all-name").textContent] = OWN_READING;
  [byId("key-own").textContent, byId("key-all").textContent] = OWN_READING;
  byId("padding").addEventListener("input", (event) => {
    settings.padding = Number(event.target.value);
    onSettings(true);
  });
  for (const id of ["read-own", "read-all"]) {
    byId(id).addEventListener("change", () => {
      settings.readsAll = byId("read-all").checked;
      onSettings(true);
    });
  }
}

function wireRule() {
  byId("alarm").append(...names.map((name, k) => new Option(visible(name), String(k))));
  const on = (id, read) => {
    byId(id).addEventListener("input", () => {
      read(byId(id));
      onSettings(false);
    });
  };
  on("temperature", ({ value }) => (settings.temperature = 10 ** Number(value)));
  on("alarm", ({ value }) => (settings.alarm = Number(value)));
  on("holds-back", ({ checked }) => (settings.holdsBack = checked));
  on("threshold", ({ value }) => (settings.threshold = Number(value)));
  on("share", ({ value }) => (settings.share = 10 ** Number(value)));
  byId("holds-back").disabled = names.includes("unsure"); // what would "unsure" mean?
  const own = { ...settings };
  const fill = () => {
    byId("temperature").value = String(Math.log10(settings.temperature));
    byId("alarm").value = String(settings.alarm);
    byId("holds-back").checked = settings.holdsBack;
    byId("threshold").value = String(settings.threshold);
    byId("share").value = String(Math.log10(settings.share));
  };
  byId("reset").addEventListener("click", () => {
    const { padding, readsAll } = settings;
    Object.assign(settings, own, { padding, readsAll });
    fill();
    onSettings(false);
  });
  fill();
  byId("rule-line").textContent = `The run's own: ${card.rule_words}.`;
}

function wireFile() {
  byId("file").addEventListener("change", () => byId("file").files[0] && openFile(byId("file").files[0]));
  byId("column").addEventListener("change", clearVerdicts);
  byId("names").addEventListener("change", () => showColumns(Number(byId("column").value)));
  byId("score").addEventListener("click", scoreTable);
  byId("stop").addEventListener("click", clearVerdicts);
  byId("save").addEventListener("click", saveTable);
  const over = (event) => {
    event.preventDefault();
    byId("drop").classList.toggle("over", event.type === "dragover");
  };
  for (const event of ["dragover", "dragleave"]) document.addEventListener(event, over);
  document.addEventListener("drop", (event) => {
    over(event);
    if (event.dataTransfer.files[0]) openFile(event.dataTransfer.files[0]);
  });
}

byId("model-line").textContent = card.about;
byId("about").textContent = card.details;
byId("compare").addEventListener("click", compare);
wireReading();
wireRule();
wireFile();
onSettings(true);
document.documentElement.setAttribute("data-ready", "yes");
