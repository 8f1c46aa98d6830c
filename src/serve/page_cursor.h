// The cursor of a paged feed: an opaque text with all that the next page needs, so that any server can answer it and
// none keeps anything: the request id of the first page, and what was shown on all pages so far.
//
// A cursor is as long as what was shown: at most kMostPagedItems, after which a feed has no further page. It is not
// signed: whoever makes one up can only leave items out of their own feed, as with `exclude`; a checksum finds what was
// cut or mistyped. Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "feed/feed.h"
#include "feed/feed_page.h"
#include "feed/feed_request.h"

namespace gfr {

inline constexpr std::size_t kMostPagedItems = 500;
inline constexpr std::size_t kMaxCursorBytes = 12'000;

std::string EncodeCursor(const FeedPage& page);
// kInvalidArgument: no feed gave it.
Result<std::shared_ptr<const FeedPage>> DecodeCursor(std::string_view cursor);

// The cursor of the page behind this answer; empty: there is none, as it is short of `size`, or enough was shown.
std::string NextCursor(const FeedRequest& request, const Feed& feed, std::size_t size);

}  // namespace gfr
