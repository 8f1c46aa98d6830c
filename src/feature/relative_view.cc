// Relative: how dear a candidate is among those it came with, against how dear what this user (or session) chose was
// among those shown with it: who takes the dearer half of a page takes it in any city. In log2 of the number:
//
//   (own - mean of the candidates) - mean over the events of (own - mean of the page shown before the event)
// The page shown is that of the latest lines of `denominator` (feed.impression); one at or above the place of the one
// before it begins another page. Numbers that are missing or not above 0 count for nothing, nor does an event without a
// page before it.
//
// State: the page's sum and count, the sum and count of the events' differences. Merge: the events of both count, and
// of the later page: what the whole history gives (to rounding) when one followed the other and no page was cut in two.
// Symmetric.
#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "feature/feature_types.h"

namespace gfr {
namespace {

class RelativeView final : public FeatureView {
 public:
  struct State {
    double page_sum, chosen_sum;
    std::int64_t page_ms;  // Of its last line.
    std::int64_t chosen_count;
    std::int32_t page_count, place;  // place: of the last line that had one, from 1; 0: none had.
  };
  RelativeView(FeatureSpec spec, const FeatureConfig& f)
      : FeatureView(std::move(spec)),
        events_(f.events),
        shown_(f.denominator),
        property_(static_cast<std::size_t>(f.item_property)) {}

  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    if (line.item == 0) return;
    State& s = *reinterpret_cast<State*>(state);
    const bool shown = shown_.Counts(line);
    if (shown) {
      if (line.index >= 0) {
        if (line.index < s.place) s.page_sum = s.page_count = 0;
        s.place = line.index + 1;
      }
      s.page_ms = std::max(s.page_ms, line.time_ms);
    }
    const double number = line.item_properties[property_].number;
    if (!(number > 0) || !std::isfinite(number)) return;
    const double x = Log2(number);
    if (shown) {
      s.page_sum += x;
      ++s.page_count;
    }
    if (!events_.Counts(line) || s.page_count == 0) return;
    s.chosen_sum += x - s.page_sum / s.page_count;
    ++s.chosen_count;
  }

  void Merge(const std::byte* from, std::byte* into) const noexcept override {
    const State& a = *reinterpret_cast<const State*>(from);
    State& b = *reinterpret_cast<State*>(into);
    const auto order = [](const State& s) { return std::tie(s.page_ms, s.place, s.page_count, s.page_sum); };
    const State& later = order(a) < order(b) ? b : a;
    b = {later.page_sum, a.chosen_sum + b.chosen_sum, later.page_ms, a.chosen_count + b.chosen_count, later.page_count,
         later.place};
  }

  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    const std::size_t n = c.items.size();
    const auto log = [&](std::size_t i) {
      const double number = c.item_property(i, property_).number;
      return number > 0 && std::isfinite(number) ? Log2(number) : std::numeric_limits<double>::quiet_NaN();
    };
    double sum = 0;
    std::size_t known = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double x = log(i);
      if (std::isnan(x)) continue;
      sum += x;
      ++known;
    }
    for (std::size_t i = 0; i < n; ++i) {
      const auto* s = reinterpret_cast<const State*>(states.rows[i]);
      const double x = log(i);
      out[i] =
          std::isnan(x) || !s || s->chosen_count == 0
              ? kMissing
              : RowValue(x - sum / static_cast<double>(known) - s->chosen_sum / static_cast<double>(s->chosen_count));
    }
  }

 private:
  const EventFilter events_, shown_;
  const std::size_t property_;
};

MadeView MakeRelativeView(const FeatureConfig& f) {
  return std::shared_ptr<const FeatureView>(std::make_shared<RelativeView>(SpecOf(f, sizeof(RelativeView::State)), f));
}

constexpr FeatureRead kRelativeReads[] = {
    {nullptr, "property scope events denominator [kinds]", ScopeRule::kUserOrSession, PropertyRule::kItemNumber, 0,
     "log2 of the candidate's number over the candidates' mean, less the mean of that of the events over the page of "
     "the denominator before each",
     "the candidate's number is missing or not above 0, or there was no event on an item with one"}};
constexpr FeatureType kRelativeTypes[] = {{.name = "relative", .make = MakeRelativeView, .reads = kRelativeReads}};

}  // namespace

std::span<const FeatureType> RelativeTypes() { return kRelativeTypes; }

}  // namespace gfr
