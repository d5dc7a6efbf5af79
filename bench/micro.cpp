// Micro-benchmarks of what a request costs in user code: reading its head, writing the one for the backend,
// finding its route, choosing its backend.
#include <sluice/balance/hash.h>
#include <sluice/balance/policy.h>
#include <sluice/http/forwarding.h>
#include <sluice/http/head_decoder.h>
#include <sluice/proxy/route_table.h>

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

namespace sluice {
namespace {

const std::string kSmall = "GET /bytes/100 HTTP/1.1\r\nHost: bench.example\r\n\r\n";

/// 20 fields and 1 KiB of cookies, as the bench's S6.
const std::string& browser() {
  static const std::string head = [] {
    std::string text = "GET /catalogue/page/17?sort=price HTTP/1.1\r\nHost: shop.example\r\n";
    text +=
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
        "Accept-Language: en-GB,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\nDNT: 1\r\n"
        "Upgrade-Insecure-Requests: 1\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0\r\n"
        "Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: none\r\nSec-Fetch-User: "
        "?1\r\n"
        "Referer: https://shop.example/catalogue/page/16?sort=price\r\nCache-Control: max-age=0\r\n"
        "Pragma: no-cache\r\nX-Requested-With: XMLHttpRequest\r\nIf-None-Match: \"5f3c-1b2a\"\r\n"
        "Priority: u=1\r\nX-Client: 7\r\nX-Trace: 4bf92f3577b34da6a3ce929d0e0e4736\r\n";
    return text + "Cookie: session=" + std::string(1010, 'c') + "\r\n\r\n";
  }();
  return head;
}

void read_request_head(benchmark::State& state, const std::string& text) {
  http::HeadDecoder decoder(http::HeadDecoder::Of::request, {});
  http::RequestHead head;
  for (auto _ : state) {
    head.clear();
    auto progress = decoder.decode(text, head);
    if (!progress || !progress->complete) return state.SkipWithError("the head was not read");
    benchmark::DoNotOptimize(head.fields().data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK_CAPTURE(read_request_head, small, kSmall);
BENCHMARK_CAPTURE(read_request_head, browser, browser());

void read_response_head(benchmark::State& state) {
  const std::string text =
      "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
      "Content-Type: text/plain\r\nContent-Length: 1024\r\n\r\n";
  http::HeadDecoder decoder(http::HeadDecoder::Of::response, {});
  http::ResponseHead head;
  for (auto _ : state) {
    head.clear();
    auto progress = decoder.decode(text, head, false);
    if (!progress || !progress->complete) return state.SkipWithError("the head was not read");
    benchmark::DoNotOptimize(head.fields().data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK(read_response_head);

void write_request_head(benchmark::State& state, const std::string& text) {
  http::HeadDecoder decoder(http::HeadDecoder::Of::request, {});
  http::RequestHead head;
  if (!decoder.decode(text, head)) return state.SkipWithError("the head was not read");
  const http::RequestForwarding forwarding{
      .client_ip = "127.0.0.1", .port = 8080, .request_id = "4bf92f3577b34da6a3ce929d0e0e4736"};
  std::string out;
  for (auto _ : state) {
    out.clear();
    http::write_request_head(out, head, forwarding);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(out.size()));
}
BENCHMARK_CAPTURE(write_request_head, small, kSmall);
BENCHMARK_CAPTURE(write_request_head, browser, browser());

/// The request is for the last of so many routes, each with a host of its own.
void route_by_host(benchmark::State& state) {
  std::vector<config::Route> routes;
  for (int64_t i = 0; i < state.range(0); ++i)
    routes.push_back({.host = "p" + std::to_string(i) + ".example", .pool = "p"});
  const proxy::RouteTable table(routes);
  const std::string host = routes.back().host;
  const std::string_view path = "/catalogue/page/17";
  for (auto _ : state) benchmark::DoNotOptimize(table.match(host, {.raw = path, .normal = path}));
}
BENCHMARK(route_by_host)->Arg(1)->Arg(100)->Arg(10'000);

/// The request is for the last of so many paths of one host.
void route_by_path(benchmark::State& state) {
  std::vector<config::Route> routes;
  for (int64_t i = 0; i < state.range(0); ++i)
    routes.push_back({.path = "/p" + std::to_string(i), .pool = "p"});
  const proxy::RouteTable table(routes);
  const std::string path = routes.front().path + "/page/17";  // the shortest prefix is looked at last
  for (auto _ : state) benchmark::DoNotOptimize(table.match("shop.example", {.raw = path, .normal = path}));
}
BENCHMARK(route_by_path)->Arg(1)->Arg(100)->Arg(10'000);

/// By the kind of policy, and the number of backends.
void choose_backend(benchmark::State& state) {
  const auto policy = balance::make_policy({.kind = static_cast<balance::Kind>(state.range(0))}, 0);
  std::vector<balance::Candidate> candidates(static_cast<size_t>(state.range(1)));
  for (size_t i = 0; i < candidates.size(); ++i) candidates[i].id = balance::hash(std::to_string(i));
  uint64_t key = 0;
  for (auto _ : state) benchmark::DoNotOptimize(policy->choose(candidates, {.key = ++key}));
}
BENCHMARK(choose_backend)->ArgsProduct({{0, 1, 2, 3}, {1, 10, 1'000}});

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
