// GatherRows: rows that are lines of one event, in any order, become one event: the items of a slate, the lines of an
// order.
//
// Lines of one event stand within kWindow rows of each other. Rows with an id that a row before had, and the same
// content, are taken once. Rows with such an id and other content, of types that have no lines, are rejected: their
// column names no event. Thread safety: none.
#pragma once

#include <list>
#include <string>
#include <unordered_map>

#include "event/event_rules.h"
#include "event/importer.h"

namespace gfr {

class GatherRows {
 public:
  static constexpr std::uint64_t kWindow = 1u << 16;

  // `slates`: rows of feed.request and feed.impression are lines of one, by their id or else request, user and time.
  // `named`: rows have ids of their own, and rows of purchases, cancellations and returns are lines by it.
  // All references must live until Flush.
  GatherRows(bool slates, bool named, const std::string& file, const ImportSink& sink, ImportReport* report)
      : slates_(slates), named_(named), file_(file), sink_(sink), report_(*report) {}

  // One event with the items of one row, which was admitted. The Status is the sink's.
  Status Put(std::uint64_t line, Event&& event);
  Status Flush();  // Hands on what is open.

 private:
  struct Open {
    Event event;
    std::uint64_t line, row;  // Of the first row; of the last, as rows are counted here.
    Key key;
  };
  bool HasLines(const Event& e) const;
  Status HandOn(std::uint64_t line, Event&& event);
  void Merge(std::uint64_t line, Event event, Open* open);
  bool IsRepeated(std::uint64_t line, const Event& e);

  const bool slates_, named_;
  const std::string& file_;
  const ImportSink& sink_;
  ImportReport& report_;
  std::uint64_t rows_ = 0;
  std::list<Open> open_;  // That a row touched last comes last.
  std::unordered_map<Key, std::list<Open>::iterator> by_key_;
  // Of types without lines: key of the id -> hash of the content. Two generations, so that old ones leave.
  std::unordered_map<Key, std::uint64_t> recent_, older_;
};

}  // namespace gfr
