#include "serve/trace_context.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <random>

#include "base/hash.h"

namespace gfr {
namespace {

bool IsHex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsId(std::string_view text) { return IsHex(text) && text.find_first_not_of('0') != text.npos; }

// Unlike any other of this process, and hardly ever like one of another; never 0.
std::string NewSpanId() {
  static const std::uint64_t seed = [] {
    std::random_device entropy;
    return std::uint64_t{entropy()} << 32 | entropy();
  }();
  static std::atomic<std::uint64_t> count = 0;
  const std::uint64_t id = KeyOf(std::to_string(seed) + "/" + std::to_string(++count));
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(id == 0 ? 1 : id));
  return hex;
}

}  // namespace

std::optional<TraceContext> TraceContext::Parse(std::string_view traceparent) {
  // 00-TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT-PPPPPPPPPPPPPPPP-FF; a later version may go on behind another dash.
  constexpr std::size_t kSize = 55;
  if (traceparent.size() < kSize || traceparent[2] != '-' || traceparent[35] != '-' || traceparent[52] != '-')
    return std::nullopt;
  const std::string_view version = traceparent.substr(0, 2);
  if (!IsHex(version) || version == "ff") return std::nullopt;
  if (traceparent.size() > kSize && (version == "00" || traceparent[kSize] != '-')) return std::nullopt;
  TraceContext context{.trace_id = std::string(traceparent.substr(3, 32)),
                       .parent_id = std::string(traceparent.substr(36, 16)),
                       .flags = std::string(traceparent.substr(53, 2))};
  if (!IsId(context.trace_id) || !IsId(context.parent_id) || !IsHex(context.flags)) return std::nullopt;
  return context;
}

std::string TraceContext::ForCall() const { return "00-" + trace_id + "-" + NewSpanId() + "-" + flags; }

std::string NewTraceId() { return NewSpanId() + NewSpanId(); }

}  // namespace gfr
