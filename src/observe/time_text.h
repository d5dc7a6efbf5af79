// Times as the logs write them, in UTC. Pure: neither libc's time zone nor the lock around it is asked, since
// workers write times for every request.
#pragma once

#include <chrono>
#include <string>

namespace sluice::observe {

using LogTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// Now, by the clock on the wall.
LogTime wall_time();

/// Appends 2026-11-23T12:00:00.123Z.
void append_iso_time(std::string& out, LogTime time);

/// Appends 23/Nov/2026:12:00:00 +0000.
void append_apache_time(std::string& out, LogTime time);

}  // namespace sluice::observe
