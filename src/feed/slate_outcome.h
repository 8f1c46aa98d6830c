// SlateOutcome: what a feed's policy did, as its record keeps it: which candidates were not to be shown and why, and how
// the slate was solved.
//
// The log knows these as fields 26 and 27 of a slate's record (docs/formats/log.md). Module event keeps their bytes
// among those it does not read (ServedSlate::unknown) and writes them again with the record; here is what they mean.
// Thread safety: pure functions.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/result.h"
#include "event/served_slate.h"

namespace gfr {

// What a rule of eligibility left out ([[feed.rule]]), or the catalogue ("off_sale").
struct LeftOutByRule {
  std::string rule;
  std::uint32_t count = 0;
  std::vector<std::uint32_t> items;  // Item indexes, ascending: those that were read before they were left out.
  std::vector<std::string> ids;      // Of the others, the first few.
  bool operator==(const LeftOutByRule&) const = default;
};

// What the policy could not keep ([feed.policy]).
struct Relaxation {
  std::string name;  // "floor NAME" or "cap NAME".
  double by = 0;     // Items missing, or too many.
  bool operator==(const Relaxation&) const = default;
};

// What the policy did to items: "pin NAME", or "boost NAME" with its numbers.
struct PolicyPart {
  std::string name;
  std::vector<std::uint32_t> items;  // Item indexes, ascending.
  double times = 1, plus = 0;
  bool operator==(const PolicyPart&) const = default;
};

struct SlateOutcome {
  std::vector<LeftOutByRule> left_out;
  // Of the slate as the solution of a problem (rank/slate_solver.h); NaN: none was solved.
  double value = std::numeric_limits<double>::quiet_NaN();
  double bound = std::numeric_limits<double>::quiet_NaN();  // No slate that keeps as much is worth more.
  std::vector<Relaxation> relaxed;
  std::vector<PolicyPart> parts;
  bool is_solved() const { return !std::isnan(value); }
};

// Adds the outcome to a record that has none.
void WriteOutcome(const SlateOutcome& outcome, ServedSlate* slate);
// Of a record of `items` items; empty where it has none. Any bytes are safe. kCorrupt: they are no outcome.
Result<SlateOutcome> ReadOutcome(const ServedSlate& slate, std::size_t items);

}  // namespace gfr
