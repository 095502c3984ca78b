// Asks a running HashStagram as a program of somebody else does: node recommend.mjs ADDRESS PHOTO
// Writes what came back as one line of JSON.
import { readFile } from "node:fs/promises";
import { Client } from "@gradio/client";

const [address, photo] = process.argv.slice(2);
const client = await Client.connect(address);
const blob = new Blob([await readFile(photo)], { type: "image/jpeg" });

async function sentence(values) {
  try {
    await client.predict("/recommend", values);
    return null;
  } catch (error) {
    return error.message;
  }
}

const answer = await client.predict("/recommend", { photo: blob, model: "alexnet", top_k: 3 });
const withDefaults = await client.predict("/recommend", { photo: blob });
console.log(JSON.stringify({
  endpoints: Object.keys((await client.view_api()).named_endpoints),
  data: answer.data,
  defaults: withDefaults.data[0].confidences.length,
  unknownModel: await sentence({ photo: blob, model: "resnet", top_k: 3 }),
  noPhoto: await sentence({ photo: null, model: "alexnet", top_k: 3 }),
}));
process.exit(0);
