// The names in a pool, as `pool show` lists them.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include "admin/commands.h"

namespace sluice::admin {

void add_names(const control::Server& server, const config::Pool& pool, Reply& reply) {
  reply.data["names"] = json::Value::array();
  for (const auto& named : pool.names) {
    const auto info = server.name_info(named.name);
    if (!info) continue;
    std::string line = concat({"name ", named.name.text()});
    line += field("addresses", static_cast<long long>(info->places));
    line += field("age", info->age ? config::duration_text(*info->age) : "none");
    if (!info->cause.empty()) line += field("cause", info->cause);
    reply.lines.push_back(std::move(line));
    json::Value json = {{"name", named.name.text()},
                        {"addresses", info->places},
                        {"age_ms", nullptr},
                        {"cause", info->cause}};
    if (info->age) json["age_ms"] = info->age->count();
    reply.data["names"].push_back(std::move(json));
  }
}

}  // namespace sluice::admin
