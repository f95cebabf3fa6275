-- Streaming chat completions for wrk, with a count of every status, printed as "statuses 200=n …".
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.body = '{"model":"llama-3.1-8b","stream":true,"max_tokens":8,'
	.. '"messages":[{"role":"user","content":"wrk asks for eight tokens"}]}'

local threads = {}

function setup(thread)
	table.insert(threads, thread)
end

function init()
	ok, busy, other = 0, 0, 0
end

function response(status)
	if status == 200 then
		ok = ok + 1
	elseif status == 429 then
		busy = busy + 1
	else
		other = other + 1
	end
end

function done(summary)
	local sum = { ok = 0, busy = 0, other = 0 }
	for _, thread in ipairs(threads) do
		for name in pairs(sum) do
			sum[name] = sum[name] + thread:get(name)
		end
	end
	local e = summary.errors
	print(string.format("lpuchaos ok %d busy %d other %d requests %d errors %d", sum.ok, sum.busy,
		sum.other, summary.requests, e.connect + e.read + e.write + e.timeout))
end
