#include "runtime/webhook.h"

#include <cstdlib>

#include "base/hmac.h"
#include "base/json_text.h"
#include "base/time.h"
#include "runtime/http_client.h"

namespace gfr {
Result<int> CallWebhook(const WebhookCall& call, const std::stop_token& stop) {
  const nlohmann::ordered_json event{{"specversion", "1.0"},
                                     {"id", call.id},
                                     {"source", "gfr"},
                                     {"type", call.type},
                                     {"time", FormatTime(call.now_ms)},
                                     {"datacontenttype", "application/json"},
                                     {"data", ParseJson<nlohmann::ordered_json>(call.data, /*throws=*/false)}};
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

Result<std::string> WebhookSecret(const std::string& variable) {
  if (variable.empty()) return std::string();
  const char* secret = std::getenv(variable.c_str());
  if (secret != nullptr && *secret != '\0') return std::string(secret);
  return Error{ErrorCode::kInvalidArgument, "the environment has no secret in " + variable};
}

}  // namespace gfr
