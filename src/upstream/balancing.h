// A pool's balance as the policies know it. Pure.
#pragma once

#include <sluice/balance/policy.h>
#include <sluice/config/config.h>

#include <string_view>
#include <vector>

namespace sluice::upstream {

/// `zone`: this process's; may be empty.
balance::Settings settings_for(const config::Pool& pool, std::string_view zone);

/// One for each of its backends, with all that stays the same until the next configuration.
std::vector<balance::Candidate> candidates_for(const config::Pool& pool, std::string_view zone);

}  // namespace sluice::upstream
