// The page's language, and its texts for scripts. What comes before this is written by the server.
"use strict";

document.documentElement.lang = LANGUAGE;

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (place, name) => {
    const value = values[name];
    return typeof value === "number" ? value.toLocaleString(LANGUAGE) : value ?? place;
  });
}

// A text by its name, with the values for its places: say("done", { count: 3 }).
function say(name, values = {}) {
  return fill(TEXTS[name], values);
}

// Gradio's components have some of their labels in English only.
const PATTERNS = Object.entries(LABELS).filter(([label]) => label.includes("{")).map(([label, text]) => {
  const literal = label.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
  return [new RegExp(`^${literal.replace(/\{(\w+)\}/g, "(?<$1>.+)")}$`), text];
});

function relabelled(label) {
  if (Object.hasOwn(LABELS, label)) return LABELS[label];
  for (const [pattern, text] of PATTERNS) {
    const match = pattern.exec(label);
    if (match) return fill(text, match.groups);
  }
  return label;
}

function relabel(node) {
  if (node instanceof Text) {
    const label = node.data.trim();
    const text = relabelled(label);
    if (text !== label) node.data = text;
  } else if (node instanceof Element) {
    for (const name of ["aria-label", "title"]) {
      const label = node.getAttribute(name);
      if (label && relabelled(label) !== label) node.setAttribute(name, relabelled(label));
    }
    node.childNodes.forEach(relabel);
  }
}

new MutationObserver((changes) => {
  for (const { target, type, addedNodes } of changes) {
    if (type === "attributes") relabel(target);
    else addedNodes.forEach(relabel);
  }
}).observe(document.documentElement, { childList: true, subtree: true, attributeFilter: ["aria-label", "title"] });
