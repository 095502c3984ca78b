// Many photos: a row for each. They go one by one to the route that programs ask, with the page's settings.

import { ask, keep } from "./asking.js";

const MOST = 50;
// What a post on Instagram may hold.
const CAPTION = 5;
const FORMATS = ["csv", "json", "xmp"];
// The controls of the page, under the names that the route knows.
const SETTINGS = [
  "model", "top_k", "min_confidence", "exclude", "always", "platform_tags", "companions", "variety",
];

const rows = [];
let parts = null;
// Stops the run that goes on; null when none does.
let run = null;

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const button = (text, onclick, properties = {}) => make("button", { type: "button", onclick, ...properties }, text);

// --- The section ---

function build() {
  const input = make("input", { type: "file", accept: "image/*", multiple: true });
  input.addEventListener("change", () => {
    add([...input.files]);
    input.value = "";
  });
  parts = {
    choose: make("label", { className: "choose" }, input, make("span", {}, say("many_choose"))),
    left: make("p", { className: "left" }),
    status: make("p"),
    progress: make("progress", { value: 0, max: 1, "aria-label": say("many_progress_label") }),
    count: make("span", { className: "count" }),
    main: button("", press, { className: "main" }),
    clear: button(say("many_clear"), clear),
    body: make("tbody"),
    downloads: make("p", { className: "downloads" }, make("span", {}, say("many_download"))),
  };
  for (const format of FORMATS) {
    parts.downloads.append(button(say(`many_${format}`), () => download(format)));
  }
  const heads = [say("photo"), say("hashtags")].map((text) => make("th", { scope: "col" }, text));
  parts.list = make(
    "div", { className: "list", hidden: true },
    make("div", { className: "bar" }, parts.progress, parts.count, parts.main, parts.clear),
    make(
      "table", {},
      make("caption", {}, say("many_caption")), make("thead", {}, make("tr", {}, ...heads)), parts.body,
    ),
    parts.downloads,
  );
  const said = make("div", { className: "status", role: "status", "aria-live": "polite" }, parts.left, parts.status);
  const section = make("div", { id: "many-photos" }, parts.choose, said, parts.list);
  section.addEventListener("dragover", (event) => {
    event.preventDefault();
    section.classList.add("over");
  });
  section.addEventListener("dragleave", () => section.classList.remove("over"));
  section.addEventListener("drop", (event) => {
    event.preventDefault();
    section.classList.remove("over");
    add([...event.dataTransfer.files]);
  });
  return section;
}

const tell = (sentence) => parts.status.replaceChildren(sentence);

// What has been done so far, and what can be done next.
function show() {
  const count = (state) => rows.filter((row) => row.state === state).length;
  const finished = count("done") + count("failed");
  parts.list.hidden = rows.length === 0;
  parts.progress.max = rows.length || 1;
  parts.progress.value = finished;
  parts.count.replaceChildren(say("many_progress", { done: finished, total: rows.length }));
  parts.main.replaceChildren(say(run ? "many_stop" : count("stopped") ? "many_continue" : "many_again"));
  parts.downloads.hidden = count("done") === 0;
}

// --- A photo's row ---

function add(files) {
  if (files.length === 0) return;
  const taken = files.slice(0, MOST - rows.length);
  for (const file of taken) {
    const row = { file, size: file.size, state: "waiting", answer: null };
    row.picture = make("canvas", { width: 1, height: 1, "aria-hidden": "true" });
    row.hashtags = make("td");
    const name = make("span", { className: "name", dir: "auto" }, file.name);
    const photo = make("div", { className: "photo" }, row.picture, name);
    row.element = make("tr", {}, make("th", { scope: "row" }, photo), row.hashtags);
    parts.body.append(row.element);
    rows.push(row);
    set(row, "waiting");
    picture(row);
  }
  const left = files.length - taken.length;
  parts.left.replaceChildren(left ? say("many_too_many", { most: MOST, left }) : "");
  if (taken.length === 0) return;
  tell(say("many_started", { total: rows.length }));
  start();
}

// `detail` is a sentence, or the answer when the state is "done".
function set(row, state, detail = say(`many_${state}`)) {
  row.state = state;
  row.answer = state === "done" ? detail : null;
  row.element.className = state;
  row.element.setAttribute("aria-busy", String(state === "looking"));
  const said = [make("span", { className: "said" }, state === "done" ? say("many_no_tag") : detail)];
  if (state === "done" && detail.hashtags.length) {
    said.splice(0, 1, chips(detail.hashtags), button(say("copy"), () => copy(row), named(say("copy"), row)));
  }
  if (state === "failed") said.push(button(say("again"), () => retry(row), named(say("again"), row)));
  row.hashtags.replaceChildren(make("div", { className: "found" }, ...said));
  show();
}

// What is seen in the photo, and what is written with it, apart from each other.
function chips(hashtags) {
  const lists = [];
  for (const [kind, label] of [["visible", say("seen")], ["companion", say("written_with")]]) {
    const tags = hashtags.filter((hashtag) => hashtag.kind === kind).map(({ tag }) => make("li", {}, `#${tag}`));
    if (tags.length) lists.push(make("ul", { className: kind, "aria-label": label }, ...tags));
  }
  return make("div", { className: "chips" }, ...lists);
}

const named = (text, row) => ({ "aria-label": `${text}: ${row.file.name}` });

// Drawn small and one after the other, so that the browser never holds many whole photos. HEIC stays without.
let drawing = Promise.resolve();

function picture(row) {
  drawing = drawing.then(async () => {
    if (!rows.includes(row)) return;
    const bitmap = await createImageBitmap(row.file, { resizeHeight: 144, resizeQuality: "medium" });
    row.picture.width = bitmap.width;
    row.picture.height = bitmap.height;
    row.picture.getContext("2d").drawImage(bitmap, 0, 0);
    row.picture.className = "drawn";
    bitmap.close();
  }).catch(() => {});
}

async function copy(row) {
  const line = row.answer.hashtags.slice(0, CAPTION).map(({ tag }) => `#${tag}`).join(" ");
  if (await toClipboard(line)) {
    tell(`${say("copied")}: ${line}`);
  } else {
    getSelection().selectAllChildren(row.hashtags.querySelector(".chips"));
    tell(say("copy_by_keyboard"));
  }
}

// --- One after the other ---

function press() {
  if (run) {
    stop(say("many_stopped_all"));
    return;
  }
  const stopped = rows.filter(({ state }) => state === "stopped");
  for (const row of stopped.length ? stopped : rows) set(row, "waiting");
  start();
}

function retry(row) {
  set(row, "waiting");
  parts.main.focus();
  start();
}

function clear() {
  stop("");
  rows.length = 0;
  parts.left.replaceChildren();
  parts.body.replaceChildren();
  show();
  parts.choose.querySelector("input").focus();
}

function stop(sentence) {
  run?.abort();
  run = null;
  for (const row of rows) {
    if (row.state === "waiting" || row.state === "looking") set(row, "stopped");
  }
  tell(sentence);
  show();
}

async function start() {
  if (run) return;
  run = new AbortController();
  const { signal } = run;
  const settings = chosen();
  show();
  for (let row; (row = rows.find(({ state }) => state === "waiting"));) {
    await look(row, settings, signal);
    if (signal.aborted) return;
  }
  run = null;
  const failed = rows.filter(({ state }) => state === "failed").length;
  const counts = { done: rows.length - failed, total: rows.length, failed };
  tell(say(failed ? "many_finished_but" : "many_finished", counts));
  show();
}

async function look(row, settings, signal) {
  set(row, "looking");
  try {
    if (await readable(row)) {
      const { ok, answer } = await ask(row.file, settings, signal, (seconds) => {
        set(row, "looking", seconds ? say("many_busy", { seconds }) : undefined);
      });
      if (ok) set(row, "done", answer);
      // The other photos would hear the same.
      else if (answer.code === "setting_invalid") stop(answer.message);
      else set(row, "failed", answer.message);
      return;
    }
  } catch {
    // Browsers do not say why; a file that has gone on its way is one reason.
  }
  const reason = await readable(row) ? "many_unreachable" : "many_unreadable";
  if (!signal.aborted) set(row, "failed", say(reason));
}

// Whether the file is still there, and no folder. One that has gone is empty for Chromium, which reads it without error.
async function readable({ file, size }) {
  const start = await file.slice(0, 1).arrayBuffer().catch(() => null);
  return start?.byteLength === Math.min(1, size);
}

// --- What the page is set to; what it does not show has the value that the route has by itself ---

function chosen() {
  const values = {};
  for (const name of SETTINGS) {
    const box = document.querySelector(`#${name} input[type=checkbox]`);
    const field = document.querySelector(
      `#${name} :is(input[type=radio]:checked, input[type=number], input[type=text], textarea)`,
    );
    if (box) values[name] = String(box.checked);
    else if (field) values[name] = field.value;
  }
  return values;
}

// --- Files to keep ---

async function download(format) {
  const photos = rows.filter(({ answer }) => answer).map(({ file, answer }) => ({
    // A name that is no proper text cannot be written down.
    photo: file.name.toWellFormed?.() ?? file.name,
    ...answer,
  }));
  try {
    const refused = await keep(format, photos);
    if (refused) tell(refused);
  } catch {
    tell(say("many_unreachable"));
  }
}

// --- Its place on the page, which Gradio draws and may draw again ---

let section = null;

function place() {
  const many = document.getElementById("many");
  if (many && !many.contains(section)) many.append(section ??= build());
}

new MutationObserver(place).observe(document.documentElement, { childList: true, subtree: true });
place();

// Several photos that came to the field for one.
document.addEventListener("hashstagram:photos", ({ detail }) => {
  place();
  section?.scrollIntoView({ block: "nearest" });
  if (section) add([...detail]);
});
