// Webhook: tells another system of something, as a CloudEvent (structured JSON, version 1.0).
//
// With a secret the call has X-Signature: sha256=HEX, the HMAC-SHA256 of the body (base/hmac.h). Addresses of private
// networks are refused unless the caller allows them (HttpCaller). Thread safety: pure functions; they block.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "base/result.h"

namespace gfr {

struct WebhookCall {
  std::string url, secret;  // An empty secret: no signature.
  std::string type;         // Of the event: "gfr.trigger.run", "gfr.drift.alert".
  std::string id, data;     // One id an event, the same when it is sent again; data is JSON.
  bool allow_private = false;
  std::int64_t deadline_ms = 0, now_ms = 0;  // Of MonotonicMs(); time of day.
};
// The status that was answered. kUnavailable: none was, or one from 500 on, or 408 or 429; kInvalidArgument: the URL is
// none, its address is not allowed, or any other status from 300 on.
Result<int> CallWebhook(const WebhookCall& call, const std::stop_token& stop);

// The secret that a configuration names by a variable of the environment; an empty name: an empty secret.
// kInvalidArgument: the variable is not set, or is empty: what was to be signed is not sent unsigned.
Result<std::string> WebhookSecret(const std::string& variable);

}  // namespace gfr
