-- wrk's own report ends at the 99th percentile; these are in microseconds.
done = function(summary, latency, requests)
  io.write(string.format("percentiles %d %d %d\n", latency:percentile(50), latency:percentile(99),
                         latency:percentile(99.9)))
end
