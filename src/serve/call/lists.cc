// GET /v1/lists: the lists of candidates of the newest epoch, for readers (retrieve/lists_codec.h). The ETag is the
// epoch: a reader that has it is answered 304.
#include <utility>

#include "retrieve/lists_codec.h"
#include "serve/call/calls.h"
#include "serve/feed_json.h"

namespace gfr {

HttpResponse GetLists(ServiceState& s, const HttpRequest& request) {
  const std::shared_ptr<const Serving> serving = s.serving();
  const std::shared_ptr<const CandidateLists> lists = serving->lists->lists();
  if (lists == nullptr) return ProblemResponse(503, "Service Unavailable", "no lists are finished yet", 1);
  const std::string tag = '"' + std::to_string(lists->epoch_end_ms()) + '"';
  if (request.Header("if-none-match") == tag) return {.status = 304, .body = {}, .headers = {{"ETag", tag}}};
  const MutexLock lock(s.published_lists.mutex);  // Encoded once an epoch, however many readers ask.
  if (s.published_lists.of != lists) {
    auto bytes = EncodeLists(*lists, serving->store->shared(), serving->features().schema);
    if (!bytes.ok()) return ProblemResponse(503, "Service Unavailable", bytes.error().message, 60);
    s.published_lists.of = lists;
    s.published_lists.bytes = std::make_shared<const std::string>(std::move(bytes).value());
  }
  return {.content_type = "application/octet-stream", .body = *s.published_lists.bytes, .headers = {{"ETag", tag}}};
}

}  // namespace gfr
