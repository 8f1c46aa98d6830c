#include "rank/features.h"

namespace gfr {

void ReadFeatures(const RankInput& in, Draft* draft) {
  draft->features.resize(draft->items.size() * in.store.features().columns());
  in.reader.Read({.now_ms = in.request.now_ms,
                  .user = in.user,
                  .session = in.session,
                  .surface = KeyOf(in.request.surface),
                  .context = in.request.context,
                  .items = draft->items,
                  .supplied = in.request.has_candidates},
                 &draft->lease, draft->features.data());
}

}  // namespace gfr
