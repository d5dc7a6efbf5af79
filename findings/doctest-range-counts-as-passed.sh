#!/bin/bash
# doctest 2.4.9: test cases that --first and --last leave out are counted as passed.
#
# A suite is split over several jobs by `--first` and `--last`. One would expect the summary to count the cases outside the
# range as skipped, as it does for those that `--test-case` leaves out. They are counted as run and as passed: each job
# of N says that the whole suite passed, and a sum over the jobs is N times too large. The assertions are counted rightly.
# What follows: count assertions, or divide a suite by --source-file or --test-case.
#
# Needs Debian 12, apt-get, dpkg and g++. Takes some 10 seconds. Exits with 1 when the behaviour is another one.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
chmod 755 .
apt-get download -q "doctest-dev=2.4.9~ds-1" >/dev/null 2>&1 || { echo "cannot download the package" >&2; exit 1; }
dpkg -x doctest-dev_*.deb package
cat >suite.cpp <<'EOF'
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
TEST_CASE("one") { CHECK(1 == 1); }
TEST_CASE("two") { CHECK(1 == 2); }
TEST_CASE("three") { CHECK(1 == 3); }
EOF
timeout 120 g++ -std=c++17 -Ipackage/usr/include -o suite suite.cpp
echo "== two of these three cases fail; only the first is run"
timeout 20 ./suite --no-colors --first=1 --last=1 | tee range
echo "== the same by its name"
timeout 20 ./suite --no-colors --test-case=one | tee name
grep -q "test cases: *3 | *3 passed | *0 failed | *0 skipped" range
grep -q "assertions: *1 | *1 passed" range
grep -q "test cases: *1 | *1 passed | *0 failed | *2 skipped" name
# Seen:
#   [doctest] test cases: 3 | 3 passed | 0 failed | 0 skipped
#   [doctest] assertions: 1 | 1 passed | 0 failed |
# and by name:
#   [doctest] test cases: 1 | 1 passed | 0 failed | 2 skipped
