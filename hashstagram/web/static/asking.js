// How the server is asked: one photo at a time, and politely. While it is busy it is left alone for as long as it says.

const BUSY = [429, 503];
// How often it is asked for one photo, how long it is waited for where it does not say, and at most, in seconds.
const TRIES = 30;
const PAUSE = 5;
const LONGEST_PAUSE = 60;
// How often again when it cannot be reached: it may be starting anew.
const LOST_TRIES = 2;

// Seconds left before each photo, since the server said that they came too fast: each such answer is a photo in vain.
let gap = 0;
const GAP_STEP = 0.25;

// `{ ok, answer }` for a photo: its hashtags, or what is wrong. `waiting` is told for how many seconds the server is
// left alone, and then 0. Rejects when the server cannot be reached, and when `signal` says to stop.
export async function ask(photo, settings, signal, waiting) {
  const form = new FormData();
  for (const [name, value] of Object.entries(settings)) form.append(name, value);
  // What it is called is nobody's business.
  form.append("photo", photo, "photo");
  await pause(gap, signal);
  for (let tries = 1; ; tries++) {
    const response = await fetch("api/v1/hashtags", { method: "POST", body: form, signal }).catch((error) => {
      if (signal.aborted || tries > LOST_TRIES) throw error;
    });
    if (response && (!BUSY.includes(response.status) || tries === TRIES)) {
      return { ok: response.ok, answer: await response.json() };
    }
    const seconds = Math.min(Number(response?.headers.get("Retry-After")) || PAUSE, LONGEST_PAUSE);
    if (response?.status === 429) gap = Math.min(gap + GAP_STEP, seconds);
    waiting(seconds);
    await pause(seconds, signal);
    waiting(0);
  }
}

function pause(seconds, signal) {
  return new Promise((over, stopped) => {
    const timer = setTimeout(over, 1000 * seconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      stopped(signal.reason);
    });
  });
}

// Have what was found in photos saved as a file. What is wrong, if anything. Rejects when the server cannot be reached.
export async function keep(format, photos) {
  const response = await fetch("api/v1/export", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ format, photos }),
  });
  if (!response.ok) return (await response.json()).message;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition"))[1];
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return null;
}
