// The access log: lines that nothing can break, and a file that no worker waits for.
#include <sluice/observe/access_log.h>

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <future>
#include <map>
#include <optional>

#include "observe/test_tools.h"

#include <doctest/doctest.h>

namespace sluice::observe {
namespace {

const AccessRecord kRecord{
    .time = std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(1'790'000'000'123)),
    .client = "192.0.2.1",
    .request_line = "GET /x?y HTTP/1.1",
    .host = "shop",
    .user_agent = "curl/8",
    .request_id = "abc",
    .pool = "shop",
    .backend = "127.0.0.1:9001",
    .reason = "ok",
    .status = 200,
    .sent = 12,
    .received = 3,
    .generation = 4,
    .attempts = 1,
    .took = Duration{7}};

std::string line(AccessFormat format, const AccessRecord& record) {
  std::string out;
  append_access_line(out, format, record);
  return out;
}

TEST_CASE("the combined format is Apache's, with what only a proxy knows behind it") {
  CHECK(line(AccessFormat::combined, kRecord) ==
        "192.0.2.1 - - [21/Sep/2026:14:13:20 +0000] \"GET /x?y HTTP/1.1\" 200 12 \"-\" \"curl/8\" reason=ok "
        "pool=shop backend=127.0.0.1:9001 request_id=abc attempts=1 generation=4 ms=7\n");
}

TEST_CASE("the JSON format is one object a line, without what there is nothing of") {
  CHECK(
      line(AccessFormat::json, kRecord) ==
      R"({"time":"2026-09-21T14:13:20.123Z","client":"192.0.2.1","request":"GET /x?y HTTP/1.1","host":"shop",)"
      R"("status":200,"disposition":"ok","reason":"ok","sent":12,"received":3,"ms":7,"pool":"shop",)"
      R"("backend":"127.0.0.1:9001","attempts":1,"generation":4,"request_id":"abc","user_agent":"curl/8"})"
      "\n");
}

TEST_CASE(
    "times and route are there where there is something to say, and the host format has the host in front") {
  AccessRecord record = kRecord;
  record.listener = "public";
  record.route = "web";
  record.held = Duration{0};
  record.backend_took = Duration{5};
  CHECK(line(AccessFormat::host, record) == "shop " + line(AccessFormat::combined, record));
  CHECK(line(AccessFormat::combined, record)
            .ends_with(" listener=public route=web held_ms=0 backend_ms=5 ms=7\n"));
  CHECK(line(AccessFormat::json, record)
            .find(R"("ms":7,"held_ms":0,"backend_ms":5,"listener":"public","route":"web","pool":)") !=
        std::string::npos);
  record.probe = "127.0.0.1:9001: GET /ping: 404, expected 200";
  CHECK(line(AccessFormat::combined, record)
            .ends_with(" ms=7 probe=\"127.0.0.1:9001: GET /ping: 404, expected 200\"\n"));
  CHECK(line(AccessFormat::json, record)
            .ends_with(R"(,"probe":"127.0.0.1:9001: GET /ping: 404, expected 200"})"
                       "\n"));
  record.host = "a b";
  CHECK(line(AccessFormat::host, record).starts_with("a\\x20b 192.0.2.1 "));
  record.host = {};
  CHECK(line(AccessFormat::host, record).starts_with("- 192.0.2.1 "));
}

TEST_CASE("a request of which nothing is known has a line all the same") {
  CHECK(line(AccessFormat::combined, {}) ==
        "- - - [01/Jan/1970:00:00:00 +0000] \"-\" 0 0 \"-\" \"-\" attempts=0 generation=0 ms=0\n");
}

/// RFC 8259 7; none of the bytes from 0x80 on is followed by what would make it UTF-8.
std::string json_of_every_byte() {
  std::string out = "\"";
  for (int byte = 0; byte < 256; ++byte) {
    std::array<char, 8> escaped;
    std::snprintf(escaped.data(), escaped.size(), "\\u%04x", static_cast<unsigned>(byte));
    if (byte >= 0x80) {
      out += "\\ufffd";
    } else if (byte == '\n' || byte == '\r' || byte == '\t') {
      out += byte == '\n' ? "\\n" : byte == '\r' ? "\\r" : "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += escaped.data();
    } else {
      if (byte == '"' || byte == '\\') out += '\\';
      out += static_cast<char>(byte);
    }
  }
  return out + "\"";
}

TEST_CASE("whatever bytes a client sends, a line stays one line and can be told apart") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  AccessRecord record = kRecord;
  record.request_line = record.host = record.referer = record.user_agent = record.request_id = bytes;
  const auto combined = line(AccessFormat::combined, record);
  for (const char c : combined.substr(0, combined.size() - 1)) REQUIRE((c >= 0x20 && c < 0x7f));
  CHECK(std::ranges::count(combined, '"') == 6);
  const auto json = line(AccessFormat::json, record);
  CHECK(json.ends_with(",\"user_agent\":" + json_of_every_byte() + "}\n"));
  CHECK(json.find(",\"host\":" + json_of_every_byte() + ",\"status\":") != std::string::npos);
  CHECK(json.find('\n') == json.size() - 1);
}

TEST_CASE("escapes are Apache's, and no value makes a pair of its own") {
  AccessRecord record = kRecord;
  record.request_line = "GET /\"\\\n HTTP/1.1";
  record.user_agent = "\x80\xff\" reason=forged\n127.0.0.1 - -";
  record.request_id = "a reason=forged";
  const auto combined = line(AccessFormat::combined, record);
  CHECK(combined.find("\"GET /\\x22\\x5c\\n HTTP/1.1\"") != std::string::npos);
  CHECK(combined.find("\"\\x80\\xff\\x22 reason=forged\\n127.0.0.1 - -\"") != std::string::npos);
  CHECK(combined.find(" request_id=a\\x20reason=forged attempts=") != std::string::npos);
}

using Sink = std::shared_ptr<AccessSink>;

Sink open(const std::string& path, AccessFormat format = AccessFormat::combined,
          size_t most_bytes = size_t{16} << 20U) {
  auto sink = AccessSink::open(path, format, most_bytes);
  REQUIRE(sink);
  return *std::move(sink);
}

/// One worker's `count` lines, request ids "NAME-0", "NAME-1", ...
void work(const Sink& sink, const std::string& name, int count) {
  AccessLog log;
  log.set_sink(sink);
  for (int i = 0; i < count; ++i) {
    const std::string id = name + "-" + std::to_string(i);
    AccessRecord record = kRecord;
    record.request_id = id;
    log.write(record);
  }
  log.flush();
}

std::string line_of(const std::string& id) {
  AccessRecord record = kRecord;
  record.request_id = id;
  std::string text = line(AccessFormat::combined, record);
  text.pop_back();
  return text;
}

TEST_CASE("lines of several workers are all there and whole, each worker's in order") {
  constexpr int kLines = 3000;
  const TempFolder folder;
  const std::vector<std::string> names = {"a", "b", "c", "d"};
  {
    const Sink sink = open(folder.path("log"));
    std::vector<std::thread> workers;
    for (const auto& name : names) workers.emplace_back([&] { work(sink, name, kLines); });
    for (auto& worker : workers) worker.join();
  }
  std::map<char, int> next;
  for (const auto& text : lines_of(read_file(folder.path("log")))) {
    const char name = text[text.find("request_id=") + 11];
    REQUIRE(text == line_of(name + ("-" + std::to_string(next[name]++))));
  }
  for (const auto& name : names) CHECK(next[name[0]] == kLines);
}

TEST_CASE("what is flushed is written without waiting for the next or for the end") {
  const TempFolder folder;
  const Sink sink = open(folder.path("log"));
  work(sink, "a", 1);
  wait_until([&] { return read_file(folder.path("log")) == line_of("a-0") + "\n"; });
}

TEST_CASE("a worker hands in on its own when its buffer is full, and nothing without a sink") {
  const TempFolder folder;
  const Sink sink = open(folder.path("log"));
  AccessLog log;
  CHECK_FALSE(log.is_on());
  log.write(kRecord);
  CHECK_FALSE(log.has_lines());
  log.set_sink(sink);
  CHECK(log.is_on());
  log.write(kRecord);
  CHECK(log.has_lines());
  for (int i = 0; i < 1000; ++i) log.write(kRecord);
  wait_until([&] { return !read_file(folder.path("log")).empty(); });
}

TEST_CASE("after reopen lines go to the new file of that name, and none is lost between") {
  const TempFolder folder;
  const std::string path = folder.path("log");
  {
    const Sink sink = open(path);
    work(sink, "a", 1);
    wait_until([&] { return !read_file(path).empty(); });
    std::filesystem::rename(path, folder.path("old"));
    work(sink, "b", 1);
    sink->reopen();
    wait_until([&] { return std::filesystem::exists(path); });
    work(sink, "c", 1);
  }
  CHECK(read_file(folder.path("old")) == line_of("a-0") + "\n" + line_of("b-0") + "\n");
  CHECK(read_file(path) == line_of("c-0") + "\n");
}

TEST_CASE("when it cannot be reopened the old file goes on, and says why") {
  const TempFolder folder;
  {
    const Sink sink = open(folder.path("log"), AccessFormat::json);
    std::filesystem::rename(folder.path("log"), folder.path("old"));
    std::filesystem::create_directory(folder.path("log"));
    sink->reopen();
    wait_until([&] { return !read_file(folder.path("old")).empty(); });
    work(sink, "a", 1);
  }
  const auto lines = lines_of(read_file(folder.path("old")));
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].starts_with("{\"time\":\""));
  const std::string notice =
      "Z\",\"notice\":\"access log not reopened path=" + folder.path("log") + " cause=";
  CHECK(lines[0].find(notice) != std::string::npos);
  CHECK(lines[1].find("\"request_id\":\"a-0\"") != std::string::npos);
}

TEST_CASE("a new sink gets what comes after it, the old one what came before") {
  const TempFolder folder;
  {
    AccessLog log;
    log.set_sink(open(folder.path("old")));
    log.write(kRecord);
    log.set_sink(open(folder.path("new"), AccessFormat::json));
    log.write(kRecord);
    log.set_sink(nullptr);
    log.write(kRecord);
  }
  CHECK(read_file(folder.path("old")) == line(AccessFormat::combined, kRecord));
  CHECK(read_file(folder.path("new")) == line(AccessFormat::json, kRecord));
}

TEST_CASE("at its bound the backlog drops lines, never waits, counts each and says so in the file") {
  constexpr int kLines = 20'000;
  const TempFolder folder;
  const Fifo fifo(folder.path("log"));
  Sink sink = open(folder.path("log"), AccessFormat::combined, 200'000);
  work(sink, "a", kLines);  // Against a file that takes nothing: it would never end if it waited.
  const uint64_t dropped = sink->losses().lines();
  CHECK(dropped > 0);
  std::string text;
  std::thread reader([&] { text = fifo.read_all(); });
  sink.reset();
  reader.join();
  uint64_t written = 0;
  uint64_t told = 0;
  for (const auto& found : lines_of(text)) {
    if (!found.starts_with("# ")) {
      ++written;
      continue;
    }
    const std::string_view words = " access log lines dropped count=";
    REQUIRE(found.find(words) == 26);
    told += std::stoull(found.substr(26 + words.size()));
  }
  CHECK(told == dropped);
  CHECK(written + dropped == kLines);
}

TEST_CASE("lines that a full disk does not take are counted as dropped") {
  const Sink sink = open("/dev/full");
  work(sink, "a", 5);
  wait_until([&] { return sink->losses().lines() == 5; });
}

TEST_CASE("a line that the file took a part of does not spoil the next") {
  const TempFolder folder;
  const Sink sink = open(folder.path("log"));
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit small{.rlim_cur = 1000, .rlim_max = before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  work(sink, "a", 20);
  wait_until([&] { return sink->losses().lines() > 0; });
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  const uint64_t whole = 20 - sink->losses().lines();
  work(sink, "b", 1);
  const auto lines = [&] { return lines_of(read_file(folder.path("log"))); };
  wait_until([&] { return lines().size() == whole + 3; });
  CHECK(lines()[whole - 1] == line_of("a-" + std::to_string(whole - 1)));
  CHECK(line_of("a-" + std::to_string(whole)).starts_with(lines()[whole]));
  // The notice may have been tried again at once, or with the next line.
  const size_t notice = lines()[whole + 1].starts_with("# ") ? whole + 1 : whole + 2;
  CHECK(lines()[notice].ends_with(" access log lines dropped count=" + std::to_string(20 - whole)));
  CHECK(lines()[notice == whole + 1 ? whole + 2 : whole + 1] == line_of("b-0"));
}

TEST_CASE("a worker that lets go of a sink last never waits for its file, and nothing is lost") {
  constexpr int kLines = 2000;
  const TempFolder folder;
  const Fifo fifo(folder.path("log"));
  std::optional<Sink> sink = open(folder.path("log"));
  std::promise<void> let_go;
  std::thread worker([&] {
    work(*sink, "a", kLines);
    sink.reset();
    let_go.set_value();
  });
  const bool is_quick = let_go.get_future().wait_for(std::chrono::seconds(4)) == std::future_status::ready;
  const auto lines = lines_of(fifo.read_all());
  worker.join();
  CHECK(is_quick);
  REQUIRE(lines.size() == kLines);
  CHECK(lines.back() == line_of("a-" + std::to_string(kLines - 1)));
}

TEST_CASE("a file that cannot be opened is an error that names it") {
  const TempFolder folder;
  const auto sink = AccessSink::open(folder.path("no/log"), AccessFormat::combined);
  REQUIRE_FALSE(sink);
  CHECK(sink.error().message.find(folder.path("no/log")) != std::string::npos);
}

}  // namespace
}  // namespace sluice::observe
