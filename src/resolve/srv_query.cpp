#include "resolve/srv_query.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

namespace sluice::resolve {
namespace {

using OnAnswer = std::function<void(SrvAnswer)>;

/// A target of "." says that the service is decidedly not available there (RFC 2782).
void add(SrvAnswer& answer, SrvRecord record) {
  if (!record.target.empty() && record.target != ".") answer.records.push_back(std::move(record));
}

#if ARES_VERSION >= 0x011c00

void on_message(void* given, ares_status_t status, size_t, const ares_dns_record_t* message) {
  const std::unique_ptr<OnAnswer> on_answer(static_cast<OnAnswer*>(given));
  SrvAnswer answer{.status = static_cast<int>(status)};
  const size_t count =
      status == ARES_SUCCESS ? ares_dns_record_rr_cnt(message, ARES_SECTION_ANSWER) : size_t{0};
  for (size_t i = 0; i < count; ++i) {
    const ares_dns_rr_t* row = ares_dns_record_rr_get_const(message, ARES_SECTION_ANSWER, i);
    const uint32_t lifetime = ares_dns_rr_get_ttl(row);
    answer.lifetime = i == 0 ? lifetime : std::min(answer.lifetime, lifetime);
    if (ares_dns_rr_get_type(row) != ARES_REC_TYPE_SRV) continue;
    const char* target = ares_dns_rr_get_str(row, ARES_RR_SRV_TARGET);
    add(answer, {.priority = ares_dns_rr_get_u16(row, ARES_RR_SRV_PRIORITY),
                 .weight = ares_dns_rr_get_u16(row, ARES_RR_SRV_WEIGHT),
                 .port = ares_dns_rr_get_u16(row, ARES_RR_SRV_PORT),
                 .target = target == nullptr ? "" : target});
  }
  (*on_answer)(std::move(answer));
}

#else

constexpr int kClassInternet = 1;
constexpr int kTypeSrv = 33;

void on_message(void* given, int status, int, unsigned char* message, int length) {
  const std::unique_ptr<OnAnswer> on_answer(static_cast<OnAnswer*>(given));
  SrvAnswer answer{.status = status};
  ares_srv_reply* first = nullptr;
  if (status == ARES_SUCCESS) answer.status = ares_parse_srv_reply(message, length, &first);
  if (status == ARES_SUCCESS && answer.status != ARES_SUCCESS) answer.status = ARES_EBADRESP;
  for (const auto* each = first; each != nullptr; each = each->next) {
    add(answer,
        {.priority = each->priority, .weight = each->weight, .port = each->port, .target = each->host});
  }
  if (first != nullptr) ares_free_data(first);
  if (answer.status == ARES_SUCCESS) {
    answer.lifetime = shortest_lifetime(
        std::string_view(reinterpret_cast<const char*>(message), static_cast<size_t>(length)));
  }
  (*on_answer)(std::move(answer));
}

#endif

}  // namespace

void query_srv(ares_channel channel, const std::string& name, OnAnswer on_answer) {
  auto* given = std::make_unique<OnAnswer>(std::move(on_answer)).release();  // on_message() owns it.
#if ARES_VERSION >= 0x011c00
  static_cast<void>(
      ares_query_dnsrec(channel, name.c_str(), ARES_CLASS_IN, ARES_REC_TYPE_SRV, on_message, given, nullptr));
#else
  ares_query(channel, name.c_str(), kClassInternet, kTypeSrv, on_message, given);
#endif
}

}  // namespace sluice::resolve
