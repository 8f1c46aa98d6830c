#include "automation/webhook.h"

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "base/json_text.h"
#include "base/time.h"
#include "runtime/http_client.h"

namespace gfr {
namespace {

std::string BytesOfHex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

}  // namespace

std::string HmacSha256Hex(std::string_view key, std::string_view text) {
  constexpr std::size_t kBlock = 64;
  std::string block = key.size() > kBlock ? BytesOfHex(Sha256Hex(key)) : std::string(key);
  block.resize(kBlock, '\0');
  std::string inner, outer;
  for (const char c : block) {
    inner += static_cast<char>(c ^ 0x36);
    outer += static_cast<char>(c ^ 0x5c);
  }
  inner += text;
  return Sha256Hex(outer + BytesOfHex(Sha256Hex(inner)));
}

Result<int> CallWebhook(const WebhookCall& call, const std::stop_token& stop) {
  const nlohmann::ordered_json event{{"specversion", "1.0"},
                                     {"id", call.id},
                                     {"source", "gfr"},
                                     {"type", "gfr.trigger.run"},
                                     {"time", FormatTime(call.now_ms)},
                                     {"datacontenttype", "application/json"},
                                     {"data", ParseJson<nlohmann::ordered_json>(call.body, /*throws=*/false)}};
  const std::string body = DumpJson(event);
  HttpCall http{.method = "POST",
                .url = call.url,
                .headers = {"Content-Type: application/cloudevents+json"},
                .body = body,
                .deadline_ms = call.deadline_ms,
                .max_reply_bytes = 1u << 20};
  if (!call.secret.empty()) http.headers.push_back("X-Signature: sha256=" + HmacSha256Hex(call.secret, body));
  const auto caller = MakeHttpCaller({.allow_private = call.allow_private});
  GFR_ASSIGN(const HttpAnswer answer, caller->Send(http, stop));
  if (answer.status < 300) return answer.status;
  const bool later = answer.status >= 500 || answer.status == 408 || answer.status == 429;
  return Error{later ? ErrorCode::kUnavailable : ErrorCode::kInvalidArgument,
               "the webhook's server answered " + std::to_string(answer.status)};
}

}  // namespace gfr
