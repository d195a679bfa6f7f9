/* Just enough of a browser for app.js to run in Node: elements, events, a template.

   It has no innerHTML, and nothing that makes markup of a text: a page that needed it
   would fail here. */
"use strict";

class Text {
  constructor(data) {
    this.data = data;
  }
  get textContent() {
    return this.data;
  }
  cloneNode() {
    return new Text(this.data);
  }
}

class Element {
  constructor(tag) {
    Object.assign(this, { tag, nodes: [], attributes: {}, handlers: {}, parent: null });
    const styles = {};
    this.style = { styles, setProperty: (name, value) => (styles[name] = value) };
    this.hidden = this.disabled = false;
    this.classList = {
      contains: (name) => this.classes().includes(name),
      add: (name) => this.classList.toggle(name, true),
      toggle: (name, on) => {
        const others = this.classes().filter((each) => each !== name);
        this.className = (on ? [...others, name] : others).join(" ");
      },
    };
  }
  classes() {
    return this.className.split(/\s+/).filter(Boolean);
  }
  get className() {
    return this.attributes.class ?? "";
  }
  set className(names) {
    this.attributes.class = names;
  }
  get children() {
    return this.nodes.filter((node) => node instanceof Element);
  }
  get textContent() {
    return this.nodes.map((node) => node.textContent).join("");
  }
  set textContent(text) {
    this.nodes = [new Text(String(text))];
  }
  get value() {
    if (this.tag === "select") return this.chosen ?? this.children[0]?.value ?? "";
    return this.chosen ?? this.attributes.value ?? "";
  }
  set value(text) {
    this.chosen = String(text);
  }
  get checked() {
    return this.on ?? "checked" in this.attributes;
  }
  set checked(on) {
    this.on = on;
  }
  setAttribute(name, value) {
    this.attributes[name] = String(value);
  }
  append(...nodes) {
    for (const node of nodes) {
      const each = node instanceof Element || node instanceof Text ? node : new Text(String(node));
      for (const one of each.tag === "#fragment" ? each.nodes : [each]) {
        one.parent = this;
        this.nodes.push(one);
      }
    }
  }
  replaceChildren(...nodes) {
    this.nodes = [];
    this.append(...nodes);
  }
  remove() {
    this.parent.nodes = this.parent.nodes.filter((node) => node !== this);
  }
  contains(other) {
    return other === this || this.children.some((child) => child.contains(other));
  }
  cloneNode() {
    const copy = new Element(this.tag);
    copy.attributes = { ...this.attributes };
    copy.append(...this.nodes.map((node) => node.cloneNode()));
    return copy;
  }
  get content() {
    const fragment = new Element("#fragment");
    fragment.nodes = this.nodes;
    return fragment;
  }
  all() {
    return this.children.flatMap((child) => [child, ...child.all()]);
  }
  querySelector(selector) {
    const fits = (element) =>
      selector.startsWith(".") ? element.classes().includes(selector.slice(1)) : element.tag === selector;
    return this.all().find(fits) ?? null;
  }
  addEventListener(name, handler) {
    (this.handlers[name] ??= []).push(handler);
  }
  dispatch(name, more = {}) {
    const event = { type: name, target: this, preventDefault() {}, ...more };
    for (const handler of this.handlers[name] ?? []) handler(event);
  }
  click() {
    if (!this.disabled) this.dispatch("click");
    if (this.download) global.saved = { name: this.download, blob: this.href };
  }
  focus() {
    global.document.activeElement = this;
    this.dispatch("focus");
  }
}

/* Well-formed HTML -> its elements. */
function parse(source) {
  const root = new Element("#document");
  const open = [root];
  const raw = /<(script|style)([^>]*)>([\s\S]*?)<\/\1>|<(\/?)(\w+)((?:\s+[\w-]+(?:="[^"]*")?)*)\s*>|<!doctype html>|[^<]+/g;
  const EMPTY = ["meta", "input"];
  const start = (tag, attributes) => {
    const element = new Element(tag);
    for (const [, name, value] of attributes.matchAll(/([\w-]+)(?:="([^"]*)")?/g)) {
      element.attributes[name] = value ?? "";
    }
    element.hidden = "hidden" in element.attributes;
    open.at(-1).append(element);
    return element;
  };
  for (const [whole, data, dataAttributes, content, closing, tag, attributes] of source.matchAll(raw)) {
    if (data) start(data, dataAttributes).textContent = content;
    else if (closing) open.pop();
    else if (tag) {
      const element = start(tag, attributes);
      if (!EMPTY.includes(tag)) open.push(element);
    } else if (!whole.startsWith("<!")) open.at(-1).append(whole);
  }
  return root;
}

/* Make the page the global document, and run its scripts; gives the document. */
function openPage(source) {
  const root = parse(source);
  const outside = (element) => element.all();
  global.document = {
    root,
    documentElement: root.querySelector("html"),
    body: root.querySelector("body"),
    activeElement: null,
    handlers: {},
    createElement: (tag) => new Element(tag),
    createElementNS: (_, tag) => new Element(tag),
    getElementById: (id) => outside(root).find((element) => element.attributes.id === id) ?? null,
    addEventListener: Element.prototype.addEventListener,
    dispatch: Element.prototype.dispatch,
  };
  global.Option = function (text, value) {
    const option = new Element("option");
    option.textContent = text;
    option.value = value;
    return option;
  };
  global.URL.createObjectURL = (blob) => blob;
  global.URL.revokeObjectURL = () => {};
  const scripts = outside(root).filter(({ tag, attributes }) => tag === "script" && !attributes.type);
  require("vm").runInThisContext(scripts.map((script) => script.textContent).join("\n"));
  return global.document;
}

module.exports = { openPage };
