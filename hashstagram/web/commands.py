"""The programs that ask a server for hashtags, as the page for programs shows them and the README repeats them."""

from typing import NamedTuple

# The server that they ask as they stand here.
ADDRESS = "http://127.0.0.1:7860"


class Command(NamedTuple):
    """A program to copy: the key of what is said about it in `texts.PROGRAMS`, and its language."""

    key: str
    language: str
    text: str

    def at(self, address: str) -> str:
        """It, for the server at an `address` such as `https://photos.example/tags`."""
        return self.text.replace(ADDRESS, address)


_CURL = f"curl -F photo=@beach.jpg -F top_k=5 {ADDRESS}/api/v1/hashtags\n"

_PYTHON = f'''\
import requests

with open("beach.jpg", "rb") as photo:
    answer = requests.post(
        "{ADDRESS}/api/v1/hashtags",
        files={{"photo": photo}},
        data={{"top_k": 5}},
        timeout=60,
    )
if not answer.ok:
    raise SystemExit(answer.json()["message"])
for hashtag in answer.json()["hashtags"]:
    print(hashtag["tag"], hashtag["confidence"])
'''

_JAVASCRIPT = f"""\
import {{ openAsBlob }} from "node:fs";

const body = new FormData();
body.set("photo", await openAsBlob("beach.jpg"));
const answer = await fetch("{ADDRESS}/api/v1/hashtags", {{ method: "POST", body }});
if (!answer.ok) throw new Error(await answer.text());
for (const {{ tag, confidence }} of (await answer.json()).hashtags) console.log(tag, confidence);
"""

_GRADIO_PYTHON = f"""\
from gradio_client import Client, handle_file

client = Client("{ADDRESS}/", download_files=False)
answer = client.predict(handle_file("beach.jpg"), top_k=5, api_name="/recommend")
for hashtag in answer["confidences"]:
    print(hashtag["label"], hashtag["confidence"])
"""

_GRADIO_JAVASCRIPT = f"""\
import {{ openAsBlob }} from "node:fs";
import {{ Client }} from "@gradio/client";

const client = await Client.connect("{ADDRESS}/");
const photo = await openAsBlob("beach.jpg");
const {{ data }} = await client.predict("/recommend", {{ photo, top_k: 5 }});
for (const {{ label, confidence }} of data[0].confidences) console.log(label, confidence);
client.close();
"""

_ASSISTANT = f"""\
{{
  "mcpServers": {{
    "hashstagram": {{ "type": "http", "url": "{ADDRESS}/gradio_api/mcp" }}
  }}
}}
"""

COMMANDS = (
    Command("curl", "sh", _CURL),
    Command("python", "python", _PYTHON),
    Command("javascript", "js", _JAVASCRIPT),
    Command("gradio_python", "python", _GRADIO_PYTHON),
    Command("gradio_javascript", "js", _GRADIO_JAVASCRIPT),
)
# Where a server lets assistants in.
ASSISTANT = Command("assistant", "json", _ASSISTANT)
