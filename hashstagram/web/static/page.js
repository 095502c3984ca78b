// The page's own behaviour: what Gradio's components leave out, above all for people who do not see the page.
"use strict";

const byId = (id) => document.getElementById(id);
const inPhoto = (element) => element instanceof Element && byId("photo")?.contains(element);
const shownPhoto = () => document.querySelector("#photo .image-frame img");

// --- The photo ---

// Its shape is known before it has been sent and fetched back, so that nothing below it moves then.
function shape(image) {
  if (image.naturalHeight) byId("photo")?.style.setProperty("--ratio", image.naturalWidth / image.naturalHeight);
}

function shapeOf(file) {
  const image = new Image();
  const address = URL.createObjectURL(file);
  image.onload = image.onerror = () => {
    shape(image);
    URL.revokeObjectURL(address);
  };
  image.src = address;
}

// HEIC photos, for one, are read here but shown by few browsers. These events do not bubble, so they are captured.
for (const [event, hidden] of [["error", true], ["load", false]]) {
  document.addEventListener(event, ({ target }) => {
    if (!(target instanceof HTMLImageElement) || !inPhoto(target)) return;
    const photo = byId("photo");
    photo.classList.toggle("no-preview", hidden);
    photo.style.setProperty("--backdrop", hidden ? "none" : `url("${CSS.escape(target.src)}")`);
    target.closest(".image-frame")?.setAttribute("data-none", say("no_preview"));
    shape(target);
  }, true);
}

// Several photos go to their own section; of one, the shape is looked at.
function take(files, event) {
  if (files.length === 1) shapeOf(files[0]);
  if (files.length < 2) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  document.dispatchEvent(new CustomEvent("hashstagram:photos", { detail: [...files] }));
  if (event.target.type === "file") event.target.value = "";
}

document.addEventListener("drop", (event) => {
  if (inPhoto(event.target) && event.dataTransfer) take(event.dataTransfer.files, event);
}, true);
document.addEventListener("change", (event) => {
  if (inPhoto(event.target) && event.target.type === "file") take(event.target.files, event);
}, true);

// A photo that comes from elsewhere than Gradio's own field is put into it.
function hand(file) {
  const input = document.querySelector("#photo input[type=file]");
  const transfer = new DataTransfer();
  transfer.items.add(file);
  input.files = transfer.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

// One tap to the camera of a phone. Gradio's own way shows a small picture of the camera in the page.
function photograph() {
  const input = Object.assign(document.createElement("input"), { type: "file", accept: "image/*" });
  input.setAttribute("capture", "environment");
  input.onchange = () => input.files[0] && hand(input.files[0]);
  input.click();
}

// --- The answer ---

let number = null;

function announce() {
  if (!byId("status")) {
    const status = Object.assign(document.createElement("div"), { id: "status", className: "unseen" });
    status.setAttribute("role", "status");
    document.querySelector("main")?.append(status);
  }
  const answer = document.querySelector("#answer .answer");
  if ((answer?.dataset.number ?? null) === number) return;
  number = answer?.dataset.number ?? null;
  heat = null;
  hide();
  tell(answer?.dataset.status ?? "");
}

function tell(sentence) {
  const status = byId("status");
  if (status) status.textContent = sentence;
}

// An answer goes with its photo, unless another photo comes at once: its answer will take the place.
let forgetting = null;

function forget() {
  const left = () => !shownPhoto() && document.querySelector("#answer .answer");
  if (forgetting || !left()) return;
  forgetting = setTimeout(() => {
    forgetting = null;
    if (left()) byId("forget")?.click();
  }, 400);
}

// --- Why a hashtag: its heat lies over the photo until the hashtag is pressed again ---

// What shows the heat of the present photo, and what was there before the heat that is awaited.
let heat = null;
let before = null;

const pressed = () => document.querySelector(".chip[aria-pressed=true]");
const figure = () => document.querySelector("#heat [data-number]");
const cool = (state) => byId("photo-part")?.setAttribute("data-heat", state);

function hide() {
  pressed()?.setAttribute("aria-pressed", "false");
  cool("");
}

function why(chip) {
  const again = chip === pressed();
  hide();
  if (again) return;
  chip.setAttribute("aria-pressed", "true");
  if (heat && heat === figure() && heat.querySelector(".heat")?.dataset.tag === chip.dataset.tag) return warm();
  before = figure();
  cool("asked");
  tell(say("looking"));
  const tag = document.querySelector("#tag textarea");
  tag.value = chip.dataset.tag;
  tag.dispatchEvent(new Event("input", { bubbles: true }));
  byId("why").click();
}

function warm() {
  cool("shown");
  tell(figure().textContent);
}

// The heat has come, if it is not that of a hashtag that was pressed before the present one.
function feel() {
  const chip = pressed();
  const come = figure();
  if (!chip || !come || come === before || byId("photo-part").dataset.heat !== "asked") return;
  const shown = come.querySelector(".heat");
  if (shown && shown.dataset.tag !== chip.dataset.tag) return;
  heat = come;
  warm();
}

document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape" && pressed()) hide();
});

// --- The line to paste ---

async function copy() {
  const line = document.querySelector("#line textarea");
  if (!await toClipboard(line.value)) {
    line.select();
    return tell(say("copy_by_keyboard"));
  }
  tell(say("copied"));
  confirmCopy(byId("copy"));
}

// --- The settings ---

function fold() {
  const button = byId("fold");
  button.setAttribute("aria-expanded", String(button.getAttribute("aria-expanded") !== "true"));
}

// A changed setting asks again, once the hand rests.
let asking = null;

document.addEventListener("change", ({ target }) => {
  if (!byId("controls")?.contains(target)) return;
  clearTimeout(asking);
  asking = setTimeout(() => byId("ask")?.click(), 150);
});

// --- Buttons, and what Gradio's components lack ---

const PRESSED = {
  camera: photograph,
  another: () => document.querySelector("#photo input[type=file]")?.click(),
  copy,
  fold,
};

document.addEventListener("click", ({ target }) => {
  const button = target instanceof Element ? target.closest("button") : null;
  if (button && Object.hasOwn(PRESSED, button.id)) PRESSED[button.id]();
  if (button?.classList.contains("again")) byId("ask")?.click();
  if (button?.classList.contains("chip")) why(button);
});

function mend() {
  const folding = byId("fold");
  if (folding && !folding.hasAttribute("aria-expanded")) {
    folding.setAttribute("aria-expanded", "false");
    folding.setAttribute("aria-controls", "controls");
  }
  const photo = shownPhoto();
  if (photo && photo.alt !== say("photo_alt")) photo.alt = say("photo_alt");
  // It says in its own text what it is for.
  document.querySelector("#photo button.upload-container")?.removeAttribute("aria-label");
  const input = document.querySelector("#photo input[type=file]");
  if (input && !input.multiple) input.multiple = true;
  // Arrow keys move within a group of radio buttons only when all of them have the same name.
  for (const radio of document.querySelectorAll("#model input[type=radio]")) {
    if (radio.name !== "model") radio.name = "model";
  }
}

new MutationObserver(() => {
  announce();
  feel();
  forget();
  mend();
}).observe(document.documentElement, { childList: true, subtree: true });
