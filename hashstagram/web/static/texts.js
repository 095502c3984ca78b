// The page's language, and its texts for scripts. What comes before this is written by the server.
"use strict";

document.documentElement.lang = LANGUAGE;

// A text by its name, with the values for its places: say("done", { count: 3 }).
function say(name, values = {}) {
  return TEXTS[name].replace(/\{(\w+)\}/g, (place, key) => {
    const value = values[key];
    return typeof value === "number" ? value.toLocaleString(LANGUAGE) : value ?? place;
  });
}
