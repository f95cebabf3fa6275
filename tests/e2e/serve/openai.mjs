// The official client against the server: node openai.mjs BASE_URL, with openai installed beside it.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const OpenAI = require("openai").default ?? require("openai");
const model = "llama-3.1-8b";
const client = new OpenAI({ baseURL: process.argv[2], apiKey: "none", maxRetries: 0 });
const messages = [{ role: "user", content: "lpc:7:6 say six words" }];

const models = await client.models.list();
assert.deepEqual(models.data.map((m) => m.id), [model]);
assert.equal((await client.models.retrieve(model)).id, model);

const stream = await client.chat.completions.create({
	model, messages, stream: true, stream_options: { include_usage: true },
});
const parts = [];
let finish, usage, chunks = 0, groq = [];
for await (const chunk of stream) {
	chunks++;
	const choice = chunk.choices[0];
	if (choice?.delta.content) parts.push(choice.delta.content);
	finish = choice?.finish_reason ?? finish;
	usage = chunk.usage ?? usage;
	if (chunk.x_groq) groq.push(chunks);
}
assert.equal(parts.length, 6);
assert.equal(chunks, 9); // role, six tokens, finish, usage
assert.equal(finish, "stop");
assert.equal(usage.completion_tokens, 6);
assert.equal(usage.prompt_tokens, 4);
assert.ok(Math.abs(usage.total_time - usage.prompt_time - usage.completion_time) < 1e-9);
assert.equal(groq[0], 1);
assert.equal(groq.at(-1), chunks);

const plain = await client.chat.completions.create({ model, messages });
assert.equal(plain.choices[0].message.content, parts.join(""));
assert.equal(plain.object, "chat.completion");

const text = await client.completions.create({ model, prompt: "one two", max_tokens: 3 });
assert.equal(text.choices[0].finish_reason, "length");
assert.equal(text.choices[0].text.trim().split(" ").length, 3);
const texts = await client.completions.create({ model, prompt: "one two", max_tokens: 3, stream: true });
let joined = "";
for await (const chunk of texts) joined += chunk.choices[0].text;
assert.equal(joined, text.choices[0].text);

await assert.rejects(client.chat.completions.create({ model: "no-such", messages }),
	(e) => e.status === 404 && e.code === "model_not_found");
await assert.rejects(client.chat.completions.create({ model, messages, max_tokens: 100000 }),
	(e) => e.status === 400 && e.code === "context_length_exceeded");

const aborted = await client.chat.completions.create({ model, stream: true, max_tokens: 2000,
	messages: [{ role: "user", content: "a long one" }] });
for await (const chunk of aborted) if (chunk.choices[0].delta.content) break;
console.log("openai client: all as expected");
