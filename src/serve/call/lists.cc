// GET /v1/lists: the lists of candidates of the newest epoch, for readers (retrieve/lists_codec.h). The ETag names the
// epoch and the bytes: a reader that has them is answered 304. Lists of one epoch may differ, after a restart or a
// reload.

#include "base/hash.h"
#include "base/hex.h"
#include "retrieve/lists_codec.h"
#include "serve/call/calls.h"

namespace gfr {

HttpResponse GetLists(ServiceState& s, const HttpRequest& request) {
  const std::shared_ptr<const Serving> serving = s.serving();
  const std::shared_ptr<const CandidateLists> lists = serving->lists->lists();
  if (lists == nullptr) return ProblemResponse(503, "Service Unavailable", "no lists are finished yet", 1);
  ServiceState::PublishedLists& published = s.published_lists;
  const MutexLock lock(published.mutex);  // Encoded once an epoch, however many readers ask.
  if (published.of != lists) {
    published.bytes = EncodeLists(*lists, serving->store->shared(), serving->features().schema);
    published.of = lists;
    if (published.bytes.ok()) {
      const std::string& bytes = published.bytes.value();
      published.tag =
          '"' + std::to_string(lists->epoch_end_ms()) + "-" + HexText(Hash64(bytes.data(), bytes.size())) + '"';
    }
  }
  if (!published.bytes.ok()) return ProblemResponse(503, "Service Unavailable", published.bytes.error().message, 60);
  if (request.Header("if-none-match") == published.tag)
    return {.status = 304, .body = {}, .headers = {{"ETag", published.tag}}};
  return {.content_type = "application/octet-stream",
          .body = published.bytes.value(),
          .headers = {{"ETag", published.tag}}};
}

}  // namespace gfr
