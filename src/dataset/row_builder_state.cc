// RowBuilder::IndexState, ReplayState and Restore.
#include <algorithm>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "base/time.h"
#include "dataset/row_builder.h"

namespace gfr {

std::string RowBuilder::IndexState() const {
  std::string bytes;
  ByteWriter out{&bytes};
  out.Varint(named_.size());
  for (const auto& [request, named] : named_) {
    out.Number(request);
    out.Number(named.offset);
    out.Number(named.arrival_ms);
    out.Byte(named.is_known ? 1 : 0);
  }
  out.Varint(bad_slates_.size());
  for (const Key request : bad_slates_) out.Number(request);
  return bytes;
}

std::string RowBuilder::ReplayState(std::int64_t arrival_ms) const {
  std::string bytes;
  ByteWriter out{&bytes};
  out.Number(epoch_end_ms_);
  // A session that ended a day before is forgotten by whatever asks next.
  const auto lives = [&](const auto& t) { return t.second.last_ms >= arrival_ms - kDayMs; };
  out.Varint(static_cast<std::uint64_t>(std::ranges::count_if(touched_, lives)));
  for (const auto& session : touched_) {
    if (!lives(session)) continue;
    out.Number(session.first);
    out.Number(session.second.last_ms);
    out.Varint(session.second.items.size());
    for (const auto& [item, offset] : session.second.items) {
      out.Number(item);
      out.Number(offset);
    }
  }
  // Of open requests only that they are: what comes of them is not asked for, but it is no event of its own.
  out.Varint(open_.size() + unmade_.size());
  for (const OpenRequests* requests : {&open_, &unmade_}) {
    for (const auto& [request, open] : *requests) {
      out.Number(request);
      out.Number(open.offset);
      out.Number(open.arrival_ms);
    }
  }
  return bytes;
}

bool RowBuilder::Restore(std::string_view index_state, std::string_view replay_state) {
  ByteReader index{index_state};
  for (std::size_t left = index.Count(25); left > 0 && !index.bad; --left) {
    const auto request = index.Number<Key>();
    Named named{};
    named.offset = index.Number<std::uint64_t>();
    named.arrival_ms = index.Number<std::int64_t>();
    named.is_known = index.Number<std::uint8_t>() != 0;
    named_.emplace(request, named);
    named_since_.emplace_back(named.arrival_ms, request);
  }
  std::ranges::sort(named_since_);
  for (std::size_t left = index.Count(sizeof(Key)); left > 0 && !index.bad; --left)
    bad_slates_.insert(index.Number<Key>());
  ByteReader replay{replay_state};
  epoch_end_ms_ = replay.Number<std::int64_t>();
  for (std::size_t left = replay.Count(17); left > 0 && !replay.bad; --left) {
    Touched& session = touched_[replay.Number<Key>()];
    session.last_ms = replay.Number<std::int64_t>();
    for (std::size_t items = replay.Count(16); items > 0 && !replay.bad; --items) {
      const auto item = replay.Number<Key>();
      session.items[item] = replay.Number<std::uint64_t>();
    }
  }
  for (std::size_t left = replay.Count(24); left > 0 && !replay.bad; --left) {
    const auto request = replay.Number<Key>();
    OpenRequest open{};
    open.offset = replay.Number<std::uint64_t>();
    open.arrival_ms = replay.Number<std::int64_t>();
    open_since_.emplace(open.arrival_ms, request);
    open_.emplace(request, std::move(open));
  }
  return !index.bad && !replay.bad && index.left.empty() && replay.left.empty();
}

}  // namespace gfr
