#include "serve/owner_lists.h"

#include <utility>

#include "retrieve/lists_codec.h"

namespace gfr {
namespace {

constexpr std::int64_t kProbeMs = 1000;

}  // namespace

Status OwnerLists::Fetch(const std::string& authorization, const JobRun& run) {
  // The first call after one that found nobody holds up all others until it has ended: a short one finds out.
  if (owner_.away()) GFR_TRY(owner_.Send({.method = "GET", .path = "/livez", .timeout_ms = kProbeMs}, run.stop));
  GFR_ASSIGN(const HttpResponse answer, owner_.Send({.method = "GET",
                                                     .path = "/v1/lists",
                                                     .authorization = authorization,
                                                     .timeout_ms = run.remaining_ms(),
                                                     .headers = {{"If-None-Match", tag_}}},
                                                    run.stop));
  if (answer.status == 304) {
    const MutexLock lock(mutex_);
    now_.current = now_.lists != nullptr;
    return {};
  }
  auto decoded = answer.status == 200
                     ? DecodeLists(answer.body, schema_)
                     : Error{ErrorCode::kUnavailable, "the owner answers " + std::to_string(answer.status) +
                                                          " when it is asked for its lists of candidates"};
  const MutexLock lock(mutex_);
  now_.current = decoded.ok();
  GFR_TRY(decoded);
  now_.lists = std::move(decoded).value();
  tag_.clear();
  for (const auto& [name, value] : answer.headers) {
    if (name == "ETag") tag_ = value;
  }
  return {};
}

OwnerLists::View OwnerLists::Now() const {
  const MutexLock lock(mutex_);
  return now_;
}

}  // namespace gfr
