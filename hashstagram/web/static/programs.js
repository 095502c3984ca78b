// The buttons that copy a command.
"use strict";

async function copy(button) {
  const code = button.closest("section").querySelector("pre");
  if (!await toClipboard(code.textContent)) {
    getSelection().selectAllChildren(code);
    return tell(say("copy_by_keyboard"));
  }
  tell(say("copied"));
  confirmCopy(button);
}

function tell(sentence) {
  document.getElementById("told").textContent = sentence;
}

for (const button of document.querySelectorAll(".head button")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}
