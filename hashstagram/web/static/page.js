// What Gradio's components leave out for people who do not see the page, or whose browser cannot show their photo.
"use strict";

const byId = (id) => document.getElementById(id);

// Screen readers read the answer out when it changes.
function announce() {
  const note = byId("note");
  if (note && note.getAttribute("role") !== "status") {
    note.setAttribute("role", "status");
    note.setAttribute("aria-live", "polite");
  }
}

// The label around the line to paste also holds a button, and so belongs to that.
function name() {
  const line = document.querySelector("#line textarea");
  const title = document.querySelector("#line [data-testid=block-info]");
  if (line && title && !line.hasAttribute("aria-label")) line.setAttribute("aria-label", title.textContent.trim());
}

// Arrow keys move within a group of radio buttons only when all of them have the same name.
function group() {
  for (const radio of document.querySelectorAll("#model input[type=radio]")) {
    if (radio.name !== "model") radio.name = "model";
  }
}

// An answer goes with its photo, unless another photo comes at once: its answer will take the place.
let forgetting = null;

function forget() {
  const left = () => !document.querySelector("#photo .image-frame img") && document.querySelector("#hashtags meter");
  if (forgetting || !left()) return;
  forgetting = setTimeout(() => {
    forgetting = null;
    if (left()) byId("forget")?.click();
  }, 400);
}

new MutationObserver(() => {
  announce();
  name();
  group();
  forget();
}).observe(document.documentElement, { childList: true, subtree: true });

// HEIC photos, for one, are read here but shown by few browsers. These events do not bubble, so they are captured.
for (const [event, hidden] of [["error", true], ["load", false]]) {
  document.addEventListener(event, (happened) => {
    const photo = byId("photo");
    if (happened.target instanceof HTMLImageElement && photo?.contains(happened.target)) {
      photo.classList.toggle("no-preview", hidden);
    }
  }, true);
}
