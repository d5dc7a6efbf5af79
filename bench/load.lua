-- What wrk sends and reports: wrk ... -s load.lua URL -- [METHOD SIZE length|chunked]. The report is one line of JSON,
-- times in microseconds: wrk's own ends at the 99th percentile.
local chunk = 16384

local function chunked_body(size)
  local parts = {}
  for at = 0, size - 1, chunk do
    local count = math.min(chunk, size - at)
    parts[#parts + 1] = string.format("%x\r\n%s\r\n", count, string.rep("x", count))
  end
  return table.concat(parts) .. "0\r\n\r\n"
end

function init(args)
  if #args < 3 then return end
  local size = tonumber(args[2])
  wrk.method = args[1]
  if args[3] == "length" then
    wrk.body = string.rep("x", size)
    return
  end
  local body = chunked_body(size)
  wrk.headers["Transfer-Encoding"] = "chunked"
  local head = wrk.format()  -- It knows no chunks: with a body it would add a Content-Length.
  wrk.format = function() return head .. body end
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\nreport {"requests": %d, "bytes": %d, "us": %d, "failed": %d, "p50_us": %d, "p99_us": %d, "p99.9_us": %d}\n',
    summary.requests, summary.bytes, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
