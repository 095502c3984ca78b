// How a text gets into the clipboard, on every page.
"use strict";

// Whether it is there.
async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Browsers keep the clipboard from pages that come without encryption.
  }
  const focused = document.activeElement;
  const field = Object.assign(document.createElement("textarea"), { value: text });
  field.style.position = "fixed";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return copied;
}

// The button says for a moment that it has.
function confirmCopy(button) {
  const text = button.textContent;
  button.textContent = say("copied");
  setTimeout(() => { button.textContent = text; }, 1500);
}
