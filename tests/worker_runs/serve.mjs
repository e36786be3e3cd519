// Runs a Worker as it was deployed, in Cloudflare's own runtime (workerd, by miniflare), and tells
// what it answers.
//
// usage: node serve.mjs FOLDER_WITH_NODE_MODULES < {"module": …, "vars": {…}, "kv": {"NAME": {…}},
//        "requests": [{"url": …, "headers": {…}}]}
// Prints one JSON object a request: {"status": …, "body": …}.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const require = createRequire(join(process.argv[2], "package.json"));
const { Miniflare } = require("miniflare");
const wanted = JSON.parse(readFileSync(0, "utf8"));

const runtime = new Miniflare({
  modules: [{ type: "ESModule", path: "worker.mjs", contents: wanted.module }],
  compatibilityDate: wanted.compatibility_date,
  bindings: wanted.vars,
  kvNamespaces: Object.keys(wanted.kv),
  host: "127.0.0.1",
});
try {
  for (const [name, pairs] of Object.entries(wanted.kv)) {
    const space = await runtime.getKVNamespace(name);
    for (const [key, value] of Object.entries(pairs)) await space.put(key, value);
  }
  for (const { url, headers } of wanted.requests) {
    const reply = await runtime.dispatchFetch(url, { headers });
    console.log(JSON.stringify({ status: reply.status, body: await reply.text() }));
  }
} finally {
  await runtime.dispose();
}
