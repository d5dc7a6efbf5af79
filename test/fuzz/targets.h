// What fuzzing calls: each takes any bytes, and CHECKs what must hold for all of them. The same functions are
// run by libFuzzer (with clang) and, over the corpus, by every test run.
#pragma once

#include <string_view>

namespace sluice::fuzz {

void request_head(std::string_view bytes);
void response_head(std::string_view bytes);
void chunked(std::string_view bytes);
void config(std::string_view bytes);
void proxy_header(std::string_view bytes);
void admin_line(std::string_view bytes);
void state_file(std::string_view bytes);

}  // namespace sluice::fuzz
