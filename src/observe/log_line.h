// What one line of the log looks like in a file. Pure.
#pragma once

#include <sluice/base/log.h>

#include <string>
#include <string_view>

#include "observe/time_text.h"

namespace sluice::observe {

/// Appends `2026-11-23T12:00:00.123Z info MESSAGE` or the same as a line of JSON. Whatever bytes the message
/// has, it stays one line, and JSON stays valid (RFC 8259): bytes that are no UTF-8 become U+FFFD.
void append_log_line(std::string& out, LogFormat format, LogTime time, LogLevel level,
                     std::string_view message);

/// `text` with U+FFFD in place of bytes that are no UTF-8.
std::string valid_utf8(std::string_view text);

/// A JSON string, quotes and all, by the same rules.
void append_json_string(std::string& out, std::string_view text);

}  // namespace sluice::observe
