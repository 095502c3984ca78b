// The buttons that copy a command.
"use strict";

async function copy(button) {
  const code = button.closest("section").querySelector("pre");
  const name = button.textContent;
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    // Browsers keep the clipboard from pages that come without encryption.
    getSelection().selectAllChildren(code);
    if (!document.execCommand("copy")) return tell(say("copy_by_keyboard"));
  }
  tell(say("copied"));
  button.textContent = say("copied");
  setTimeout(() => { button.textContent = name; }, 1500);
}

function tell(sentence) {
  document.getElementById("told").textContent = sentence;
}

for (const button of document.querySelectorAll(".head button")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}
