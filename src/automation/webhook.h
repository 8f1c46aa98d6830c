// Webhook: tells another system of a run, as a CloudEvent of type "gfr.trigger.run" (structured JSON).
//
// With a secret the call has X-Signature: sha256=HEX, the HMAC-SHA256 (RFC 2104) of the body. Addresses of private
// networks are refused unless the caller allows them (HttpCaller). Thread safety: pure functions; they block.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gfr {

std::string HmacSha256Hex(std::string_view key, std::string_view text);

struct WebhookCall {
  std::string url, secret;  // An empty secret: no signature.
  std::string id, body;     // Of the run; its record as JSON.
  bool allow_private = false;
  std::int64_t deadline_ms = 0, now_ms = 0;  // Of MonotonicMs(); time of day.
};
// The status that was answered. kUnavailable: none was, or one from 500 on, or 408 or 429; kInvalidArgument: the URL is
// none, its address is not allowed, or any other status from 300 on.
Result<int> CallWebhook(const WebhookCall& call, const std::stop_token& stop);

}  // namespace gfr
