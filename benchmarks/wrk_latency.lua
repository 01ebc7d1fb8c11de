-- wrk's own figures as one line of JSON.
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'JSON {"n":%d,"us":%d,"p50":%.3f,"p95":%.3f,"err":%d}\n',
    summary.requests, summary.duration, latency:percentile(50) / 1000, latency:percentile(95) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
